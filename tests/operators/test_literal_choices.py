"""Choices in templated arguments: plain texts are validated when the DAG file is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.operators.lesson_session_cases import SCHEDULE_LESSONS
from tests.operators.user_group_cases import LOGIN_URL, UPSERT_USERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.operators.operator_case import OperatorCase


@pytest.mark.parametrize(
    ("case", "name"),
    [(UPSERT_USERS, "match_by"), (SCHEDULE_LESSONS, "grace_period_unit"), (LOGIN_URL, "expires_in")],
    ids=str,
)
def test_value_that_is_no_choice_is_rejected_at_parse_time_unless_it_is_a_template(
    case: OperatorCase, name: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"^{name} is 'email'; it can be "):
        case.create_operator(tmp_path, **{name: "email"})
    for template in ("{{ params.choice }}", "{% if params.choice %}a{% endif %}"):
        case.create_operator(tmp_path, **{name: template})
