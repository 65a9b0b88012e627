"""Operations on users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AliasChoices,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from airflow_provider_damstra.endpoints.base import (
    IN_QUERY,
    Endpoint,
    ListEndpoint,
    NoContentEndpoint,
    RequestModel,
    parse_json,
)
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Argument,
    Identifier,
    Name,
    OptionalEmployeeNumber,
    OptionalPassword,
    OptionalReferences,
    OptionalSearchedEmployeeNumber,
    TrimmedText,
)
from airflow_provider_damstra.errors import invalid_response
from airflow_provider_damstra.models.user import CreatedUser, Role, User

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Request, Response


RoleNumber: TypeAlias = Role | Literal[3, 4, 5, 6, 7, 8]


def _validate_role(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    with suppress(ValidationError):
        return validate(value)
    # Not raised for pydantic's error, which would be its context: that shows the value.
    raise ValueError(f"it is no role; roles are {', '.join(f'{role.name} ({role.value})' for role in Role)}")


RoleValue = Annotated[Role, WrapValidator(_validate_role)]
"""A role, or its number."""


class ActiveValue(StrEnum):
    """Filter of a user search by status."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    ALL = "all"


class MergeType(StrEnum):
    """The field by which a bulk import matches existing users."""

    NONE = "none"
    EMAIL = "email"
    EMPLOYEE_NUMBER = "empNo"
    USER_NAME = "userName"


class LoginUrlExpiry(StrEnum):
    """The validity of a login URL."""

    DISABLED = "disabled"
    NEVER = "never"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class ListUsers(ListEndpoint[User], path="/user"):
    """Search users: ``q`` in user, first or last name; ``emp_id`` and ``email_address`` exactly."""

    q: str | None = None
    """Text in user, first or last name."""

    emp_id: OptionalSearchedEmployeeNumber = OMITTED
    """Employee number."""

    email_address: Name | None = None
    """E-mail address."""

    role_id: Argument[RoleNumber | None, RoleValue | None] = OMITTED
    """Role, or its number."""

    active_value: Argument[ActiveValue | Literal["active", "inactive", "all"] | None, ActiveValue | None] = (
        OMITTED
    )
    """Status; active users if it is not given."""


class GetUser(Endpoint[User], path="/user/{user_id}"):
    """Return one user."""

    user_id: Identifier
    """Id of the user."""


class ImportedUser(RequestModel):
    """One user of a bulk import."""

    user_name: TrimmedText | None = None
    """Name to log in; made from the name if it is not given."""

    first_name: TrimmedText | None = None
    """First name."""

    last_name: TrimmedText | None = None
    """Last name."""

    email_address: TrimmedText | None = None
    """E-mail address."""

    phone_number: TrimmedText | None = None
    """Phone number."""

    mobile_number: TrimmedText | None = None
    """Mobile phone number."""

    employee_number: OptionalEmployeeNumber = OMITTED
    """The organisation's number of the user."""

    roles: Argument[Sequence[RoleNumber] | None, tuple[RoleValue, ...] | None] = OMITTED
    """Roles, or their numbers; trainee if none are given."""

    time_zone: TrimmedText | None = None
    """IANA name of the time zone; the account's if it is not given."""


class CreateUser(ImportedUser, Endpoint[CreatedUser], method="POST", path="/user"):
    """Create a user. Without roles it becomes a trainee; a welcome e-mail is sent by default."""

    send_welcome_email: bool | None = None
    """Whether Damstra sends a welcome e-mail; by default it does."""

    password: OptionalPassword = OMITTED
    """The user's password."""

    groups: OptionalReferences = OMITTED
    """Ids of the groups of which the user is a member."""

    groups_supervised: OptionalReferences = OMITTED
    """Ids of the groups that the user supervises."""


class UpdateUser(Endpoint[User], method="PUT", path="/user/{user_id}"):
    """Replace a user's data. The API's documentation omits the method: PUT, with POST as fallback."""

    fallback_method: ClassVar[str | None] = "POST"

    user_id: Annotated[Identifier, Field(validation_alias=AliasChoices("userId", "id"))]
    """Id of the user."""

    first_name: TrimmedText
    """First name."""

    last_name: TrimmedText
    """Last name."""

    email_address: TrimmedText
    """E-mail address."""

    phone_number: TrimmedText
    """Phone number."""

    mobile_number: TrimmedText
    """Mobile phone number."""

    employee_number: OptionalEmployeeNumber
    """The organisation's number of the user, or None."""

    roles: Argument[Sequence[RoleNumber], tuple[RoleValue, ...]]
    """All roles, or their numbers."""

    time_zone: TrimmedText
    """IANA name of the time zone."""

    user_name: TrimmedText | None = None
    """Name to log in."""

    groups: OptionalReferences = OMITTED
    """Ids of the groups of which the user is a member."""

    groups_supervised: OptionalReferences = OMITTED
    """Ids of the groups that the user supervises."""

    password: OptionalPassword = OMITTED
    """New password."""

    @model_validator(mode="before")
    @classmethod
    def _validate_single_id(cls, data: Any) -> Any:
        """Accept the id under its two names, of the path and of the body, if they agree."""
        if isinstance(data, dict) and "id" in data:
            user_id = data.get("user_id", data.get("userId", data["id"]))
            if str(user_id) != str(data["id"]):
                raise ValueError(f"id {data['id']} and userId {user_id} are two users")
            return {name: value for name, value in data.items() if name not in ("user_id", "userId")}
        return data

    def build_body(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields with the id, which the API requires in the body too."""
        return {"id": self.user_id, **fields}


class BulkUserImport(Endpoint[list[User]], method="POST", path="/bulkUserImport"):
    """Create or merge many users and return them. A user without roles is RESET to trainee."""

    users: Argument[
        Sequence[ImportedUser | Mapping[str, Any]],
        Annotated[tuple[ImportedUser, ...], Field(min_length=1)],
    ]
    """The users."""

    merge_type: Argument[
        MergeType | Literal["none", "email", "empNo", "userName"] | None, MergeType | None
    ] = OMITTED
    """Field by which existing users are found; by default all users are created."""


class ActivateUser(NoContentEndpoint, method="POST", path="/user/{user_id}/activate"):
    """Activate a user."""

    user_id: Identifier
    """Id of the user."""


class InactivateUser(NoContentEndpoint, method="POST", path="/user/{user_id}/inactivate"):
    """Inactivate a user; the learning record is kept."""

    user_id: Identifier
    """Id of the user."""


class GenerateLoginUrl(Endpoint[str], method="POST", path="/user/{user_id}/generate_login_url"):
    """Return a URL that logs the user in without a password: a secret."""

    response_is_secret: ClassVar[bool] = True

    user_id: Identifier
    """Id of the user."""

    expires_in: Annotated[
        Argument[
            LoginUrlExpiry | Literal["disabled", "never", "day", "week", "month", "year"] | None,
            LoginUrlExpiry | None,
        ],
        IN_QUERY,
    ] = OMITTED
    """Validity of the URL."""

    def parse_result(self, request: Request, response: Response) -> str:
        """Return the URL from plain text, a JSON string or a JSON object."""
        text = response.text.strip()
        if text[:1] in ('"', "{", "["):
            value = parse_json(str | dict[str, Any], request, response)
            text = value.strip() if isinstance(value, str) else _only_text(value)
        if text in ("", "null", "true", "false") or response.is_html:
            raise invalid_response(request, response, "there is no URL in it")
        return text


def _only_text(fields: dict[str, Any]) -> str:
    texts = [value for value in fields.values() if isinstance(value, str)]
    return texts[0] if len(texts) == 1 else ""
