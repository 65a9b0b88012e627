"""A valid call of each operation, with ids found in the API's own listings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.contract.table import ROW

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.api import Api

CALLS: dict[str, Callable[[Api], Call]] = {}
STATES = {"upcoming": 1, "inprogress": 2, "past": 3}


@dataclass(frozen=True)
class Call:
    """The arguments of a call."""

    path_parameters: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None


def calls(*operation_ids: str) -> Callable[[Callable[[Api], Call]], Callable[[Api], Call]]:
    """Register a function that builds a valid call of some operations."""

    def register(make: Callable[[Api], Call]) -> Callable[[Api], Call]:
        CALLS.update(dict.fromkeys(operation_ids, make))
        return make

    return register


def example(operation_id: str) -> dict[str, Any]:
    """Return a copy of the documented body."""
    return dict(ROW[operation_id].body or {})


@calls("listUsers")
def _(api: Api) -> Call:
    user = next(user for user in api.users() if user["employeeNumber"])
    query = {
        "q": user["lastName"],
        "empId": user["employeeNumber"],
        "emailAddress": user["emailAddress"],
        "roleId": user["roles"][0],
        "activeValue": "active",
    }
    return Call(query=query)


@calls("getUser", "inactivateUser")
def _(api: Api) -> Call:
    return Call({"userId": api.users()[0]["id"]})


@calls("activateUser")
def _(api: Api) -> Call:
    return Call({"userId": api.results("/user", activeValue="inactive")[0]["id"]})


@calls("generateLoginUrl")
def _(api: Api) -> Call:
    return Call({"userId": api.users()[0]["id"]}, query={"expiresIn": "day"})


@calls("createUser")
def _(api: Api) -> Call:
    group = [{"id": api.group()["id"]}]
    return Call(body={**example("createUser"), "groups": group, "groupsSupervised": group})


@calls("updateUser")
def _(api: Api) -> Call:
    user_id = api.users()[0]["id"]
    group = [{"id": api.group()["id"]}]
    body = {**example("updateUser"), "id": user_id, "groups": group, "groupsSupervised": group}
    return Call({"userId": user_id}, body=body)


@calls("bulkUserImport")
def _(api: Api) -> Call:
    return Call(body=example("bulkUserImport"))


@calls("listGroups")
def _(api: Api) -> Call:
    return Call(query={"q": api.group()["name"]})


@calls("getGroup", "inactivateGroup", "listGroupMembers")
def _(api: Api) -> Call:
    return Call({"groupId": api.group()["id"]})


@calls("listGroupSupervisors")
def _(api: Api) -> Call:
    return Call({"groupId": api.group("supervisor")["id"]})


@calls("createGroup")
def _(api: Api) -> Call:
    return Call(body={**example("createGroup"), "parentId": api.group()["id"]})


@calls("updateGroup")
def _(api: Api) -> Call:
    group = next(found for found in api.results("/group") if "parentId" in found)
    return Call({"groupId": group["id"]}, body={**example("updateGroup"), "parentId": group["parentId"]})


@calls("addGroupMembers", "addGroupSupervisors")
def _(api: Api) -> Call:
    return Call({"groupId": api.group()["id"]}, body={"userIds": api.user_ids(10)})


@calls("removeGroupMembers")
def _(api: Api) -> Call:
    return removal_call(api, "member")


@calls("removeGroupSupervisors")
def _(api: Api) -> Call:
    return removal_call(api, "supervisor")


def removal_call(api: Api, listing: str) -> Call:
    """Return a call that removes a user of a group."""
    group_id = api.group(listing)["id"]
    return Call(
        {"groupId": group_id}, body={"userIds": [api.results(f"/group/{group_id}/{listing}")[0]["id"]]}
    )


@calls("listLessons", "listLessonDetails")
def _(api: Api) -> Call:
    lesson = api.lesson()
    lesson_ids = f"{lesson['lessonId']},99999999"
    return Call(query={"q": lesson["name"], "lessonIds": lesson_ids, "publishedStates": "active"})


@calls("getLessonSchedule")
def _(api: Api) -> Call:
    return Call({"lessonScheduleId": next(api.schedules("completed"))["id"]})


@calls("listUserLessonSchedules")
def _(api: Api) -> Call:
    return Call({"userId": next(api.schedules("completed"))["userId"]}, query={"status": "completed"})


@calls("scheduleUser")
def _(api: Api) -> Call:
    version_id = api.lesson()["lessonVersionId"]
    body = {**example("scheduleUser"), "lessonVersionIds": [version_id]}
    return Call({"userId": api.unscheduled(version_id)}, body=body)


@calls("completeLesson")
def _(api: Api) -> Call:
    lesson = api.lesson()
    body = {
        **example("completeLesson"),
        "lessonId": lesson["lessonId"],
        "lessonVersionId": lesson["lessonVersionId"],
        "manuallyCompletedByUserId": api.users(role=3)[0]["id"],
    }
    return Call({"userId": api.user_ids(1)[0]}, body=body)


@calls("downloadCertificate")
def _(api: Api) -> Call:
    ids = (found["id"] for found in api.schedules("completed"))
    passed = (found for found in ids if api.send("GET", f"/lesson_schedule/{found}/certificate").ok)
    return Call({"lessonScheduleId": next(passed)})


@calls("listIltSessions")
def _(api: Api) -> Call:
    session, attendee = api.attendance()
    query = {
        "lessonScheduleId": attendee["lessonScheduleId"],
        "state": STATES[api.get(f"/ilt_session/{session['id']}")["state"]],
        "status": 1,
        "instructorId": session["instructorId"],
    }
    return Call(query=query)


@calls("getIltSession", "completeIltSession")
def _(api: Api) -> Call:
    return Call({"iltSessionId": api.session()["id"]})


@calls("cancelIltSession")
def _(api: Api) -> Call:
    return Call({"iltSessionId": api.session(state=1)["id"]}, body=example("cancelIltSession"))


@calls("createIltSession")
def _(api: Api) -> Call:
    session = api.session()
    body = {
        **example("createIltSession"),
        "endDatetime": "2018-05-19T02:00:06.000+0800",
        "lessonId": session["lessonId"],
        "instructorId": session["instructorId"],
    }
    return Call(body=body)


@calls("updateIltSession")
def _(api: Api) -> Call:
    return more_places_call(api, api.session(state=1))


def more_places_call(api: Api, session: dict[str, Any]) -> Call:
    """Return an update that adds ten places to a session."""
    taken = api.get(f"/ilt_session/{session['id']}")["numberOfAttendees"]
    body = {
        **example("updateIltSession"),
        "instructorId": session["instructorId"],
        "numberOfPlaces": taken + 10,
    }
    return Call({"iltSessionId": session["id"]}, body=body)


@calls("bulkRegisterIltSession")
def _(api: Api) -> Call:
    session = api.session(state=1)
    version_id = api.lesson(lessonIds=session["lessonId"])["lessonVersionId"]
    user_id = api.unscheduled(version_id)
    schedule = {**example("scheduleUser"), "lessonVersionIds": [version_id]}
    api.post(f"/user/{user_id}/lesson_schedule", schedule)
    assert api.send("PATCH", f"/ilt_session/{session['id']}", body=more_places_call(api, session).body).ok
    return Call({"iltSessionId": session["id"]}, body={"userIds": [user_id]})


@calls("bulkDeregisterIltSession")
def _(api: Api) -> Call:
    session, attendee = api.attendance()
    return Call({"iltSessionId": session["id"]}, body={"userIds": [attendee["userId"]]})


@calls("listIltSessionAttendees")
def _(api: Api) -> Call:
    return Call({"iltSessionId": api.attendance()[0]["id"]})


@calls("saveIltSessionProgress")
def _(api: Api) -> Call:
    session, attendee = api.attendance()
    progress = [{"id": attendee["id"], "passed": True, "attended": True}]
    return Call({"iltSessionId": session["id"]}, body={"attendees": progress})


@calls("getEmbedUrl")
def _(api: Api) -> Call:
    return Call(query={"lessonScheduleId": next(api.schedules("due"))["id"]})


@calls("getEmbedUrlAllLessonTypes")
def _(api: Api) -> Call:
    return Call({"lessonScheduleId": next(api.schedules("due"))["id"]})
