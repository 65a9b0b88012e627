"""All operators of the package, and at least one case of each."""

from __future__ import annotations

import importlib
import pkgutil

from airflow_provider_damstra import operators
from airflow_provider_damstra.operators.base import DamstraOperator
from tests.operators.lesson_session_cases import (
    CALLS,
    COMPLETE_LESSON,
    CREATE_ILT_SESSION,
    ILT_SESSIONS,
    LESSONS,
    SCHEDULE_LESSONS,
)
from tests.operators.roster_cases import SYNC_USERS
from tests.operators.training_cases import TRAINING
from tests.operators.user_group_cases import CREATE_GROUP, CREATE_USER, GROUPS, LOGIN_URL, UPSERT_USERS, USERS

CASES = (*USERS, SYNC_USERS, *GROUPS, *LESSONS, *ILT_SESSIONS, *TRAINING, *CALLS)
WRITE_CASES = tuple(case for case in CASES if case.changes)
CREATE_CASES = (
    CREATE_USER,
    UPSERT_USERS,
    CREATE_GROUP,
    SCHEDULE_LESSONS,
    COMPLETE_LESSON,
    CREATE_ILT_SESSION,
)
SENDING_CASES = (*WRITE_CASES, LOGIN_URL)
"""The cases whose requests are not only GETs."""


def operator_classes() -> list[type[DamstraOperator]]:
    """Return every operator that a DAG can use, from all modules."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(operators.__path__, f"{operators.__name__}.")
    ]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, DamstraOperator)
    }
    used_as_base = {base for kind in found for base in kind.__mro__[1:]}
    return sorted(found - used_as_base, key=lambda kind: kind.__name__)
