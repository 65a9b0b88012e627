"""Arguments that identify users and lessons by a text instead of their ids."""

from __future__ import annotations

from typing import Any

EMPLOYEE_NUMBER, EMAIL_ADDRESS, LESSON_NAME = "employee_number", "email_address", "lesson_name"

ID_ARGUMENTS: dict[str, tuple[str, str]] = {
    "employee_numbers": ("user_ids", EMPLOYEE_NUMBER),
    "email_addresses": ("user_ids", EMAIL_ADDRESS),
    "employee_number": ("user_id", EMPLOYEE_NUMBER),
    "email_address": ("user_id", EMAIL_ADDRESS),
    "instructor_employee_number": ("instructor_id", EMPLOYEE_NUMBER),
    "instructor_email_address": ("instructor_id", EMAIL_ADDRESS),
    "manually_completed_by_employee_number": ("manually_completed_by_user_id", EMPLOYEE_NUMBER),
    "manually_completed_by_email_address": ("manually_completed_by_user_id", EMAIL_ADDRESS),
    "lesson_names": ("lesson_ids", LESSON_NAME),
    "lesson_name": ("lesson_id", LESSON_NAME),
}
"""For each of these arguments the argument for ids that it replaces, and by what it identifies."""

USER_FIELDS = ("user_id", "employee_number", "email_address")
"""Template fields of a task for one user."""

USER_LIST_FIELDS = ("user_ids", "employee_numbers", "email_addresses")
"""Template fields of a task for a list of users."""

INSTRUCTOR_FIELDS = ("instructor_id", "instructor_employee_number", "instructor_email_address")
"""Template fields of a task that names an instructor."""


def id_argument_hint(name: str) -> str:
    """Return what to give instead of a text that is no id, by the argument for ids; empty if unknown."""
    replacing = [argument for argument, (id_argument, _) in ID_ARGUMENTS.items() if id_argument == name]
    if replacing:
        return f"{name} takes ids; operators and sensors take other texts as {' or '.join(replacing)}"
    if name in ("group_id", "group_ids"):
        return (
            f"{name} takes ids, not names: DamstraHook().iterate(ListGroups(q='...')) finds a group by its "
            "name, and DamstraCreateGroupOperator returns the id of a group that exists"
        )
    return ""


def texts_to_resolve(task: Any) -> dict[str, Any]:
    """Return the rendered arguments of an operator or sensor of which the ids have to be looked up."""
    return {
        name: getattr(task, name)
        for name, (id_argument, _) in ID_ARGUMENTS.items()
        if {name, id_argument} <= set(task.template_fields) and getattr(task, name) is not None
    }
