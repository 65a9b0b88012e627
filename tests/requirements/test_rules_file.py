"""Training rules in YAML, JSON and lists: what is read, and how bad rules are reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import airflow_provider_damstra.requirements
from airflow_provider_damstra.models.user import Role
from airflow_provider_damstra.requirements.rules import GracePeriod, TrainingRules
from airflow_provider_damstra.requirements.rules_file import parse_rules
from airflow_provider_damstra.requirements_arguments import read_rules
from airflow_provider_damstra.yaml_documents import MAX_BYTES

SCHEMA = Path(airflow_provider_damstra.requirements.__file__).parent / "schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
GOOD = """\
# Site rules
requirements:
  - name: Site access
    lessons: [Site Induction, 204]
    groups: ["Pit Crew A"]
    include_child_groups: true
    valid_for: 12 months
    warn_before: 30 days
    grace_period: 14 days
    versions: current
    require_passed: true
  - lessons: [Manual Handling]
    roles: [supervisor, trainee]
  - lessons: [Manual Handling]
    users: [1011, "4711", a.b@example.com]
    grace_period: P3M
  - lessons: [Manual Handling]
    all: true
"""


def problem_of(text: Any) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared by the caller
        parse_rules(text, source="s3://hr/rules.yaml")
    message = str(error.value)
    assert message.startswith("s3://hr/rules.yaml: ")
    assert error.value.__context__ is None
    return message.removeprefix("s3://hr/rules.yaml: ")


@pytest.mark.parametrize(
    "document",
    [
        GOOD,
        GOOD.encode("utf-8-sig"),
        yaml.safe_load(GOOD),
        yaml.safe_load(GOOD)["requirements"],
        json.dumps(yaml.safe_load(GOOD), indent="\t"),
        json.dumps(yaml.safe_load(GOOD)["requirements"]),
    ],
    ids=["yaml", "bytes with bom", "mapping", "list", "json with tabs", "json list"],
)
def test_rules_are_equal_in_every_form(document: Any) -> None:
    rules, _ = parse_rules(document, source="rules")
    site, roles, users, everyone = rules.requirements
    assert (site.name, site.lessons, site.groups) == ("Site access", ("Site Induction", 204), ("Pit Crew A",))
    assert (site.include_child_groups, site.versions, site.require_passed) == (True, "current", True)
    assert site.valid_for is not None
    assert (site.valid_for.months, site.scheduled_grace_period()) == (12, GracePeriod(14, "days"))
    assert roles.roles == (Role.SUPERVISOR, Role.TRAINEE)
    assert (users.users, users.scheduled_grace_period()) == (
        (1011, "4711", "a.b@example.com"),
        GracePeriod(3, "months"),
    )
    assert everyone.all is True
    assert everyone.scheduled_grace_period() is None


def test_escape_sequences_of_json_are_those_of_json() -> None:
    name = "Café \N{FIRE}"
    rules, _ = parse_rules(json.dumps([{"lessons": [name], "all": True}]), source="rules")
    assert rules.requirements[0].lessons == (name,)


def test_rules_are_read_from_file_and_from_text(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    from_file, positions = read_rules(None, str(path))
    assert from_file == read_rules(GOOD, None)[0]
    assert positions.describe(("requirements", 2, "users", 1)) == "requirements[2].users[1] (line 15)"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="it is larger than 1024 KiB"):
        read_rules(None, str(path))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("12 months", "12 moons", "requirements[0].valid_for (line 7): valid_for is '12 moons'"),
        ("12 months", "36 hours", "requirements[0].valid_for (line 7): it is not in whole days"),
        ("12 months", "200 years", "requirements[0].valid_for (line 7): it is longer than a hundred years"),
        ("30 days", "1 year", "requirements[0] (line 3): warn_before is not shorter than valid_for"),
        ("    valid_for: 12 months\n", "", "requirements[0] (line 3): warn_before needs valid_for"),
        ("14 days", "1 month 3 days", "requirements[0] (line 3): grace_period is in days or in months"),
        ("versions: current", "versions: newest", "requirements[0].versions (line 10): "),
        ("    roles: [supervisor, trainee]\n", "", "requirements[1] (line 12): give exactly one of groups"),
        ("    all: true", "    all: true\n    roles: [owner]", "requirements[3] (line 17): give exactly one"),
        ("trainee", "boss", "requirements[1].roles[1] (line 13): it is no role; the roles are admin, "),
        ("Manual Handling]\n    all", "no]\n    all", "requirements[3].lessons[0] (line 17): it is neither"),
        ("[Site Induction, 204]", "[]", "requirements[0].lessons (line 4): it is empty"),
        ("[Site Induction, 204]", "Site Induction", "requirements[0].lessons (line 4): it is no list"),
        ("[Site Induction, 204]", "[0]", "requirements[0].lessons[0] (line 4): an id is at least 1"),
        ("lessons: [Site Induction, 204]", "lesson: X", "requirements[0].lessons (line 3): it is missing"),
        ("versions:", "version:", "requirements[0].version (line 10): there is no such key; a rule has name"),
        ("versions:", "valid_for:", "line 10: valid_for is there twice"),
        ("[1011,", "[true,", "requirements[2].users[0] (line 15): it is neither an id nor a text"),
    ],
)
def test_bad_rule_is_reported_with_its_position(old: str, new: str, expected: str) -> None:
    assert GOOD.count(old) == 1
    assert expected in problem_of(GOOD.replace(old, new))


def test_all_bad_rules_are_reported_together() -> None:
    message = problem_of(GOOD.replace("12 months", "never").replace("trainee", "boss"))
    assert message.startswith("2 problems:\n  requirements[0].valid_for (line 7): ")
    assert "\n  requirements[1].roles[1] (line 13): " in message
    many = problem_of([{"lessons": [], "all": True}] * 30)
    assert many.startswith("30 problems:")
    assert many.endswith("and 10 more")


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (
            {"lessons": ["b", "A"], "all": True},
            "lessons[1]: requirements[0].lessons[0] is about",
        ),
        ({"lessons": ["c"], "all": True, "name": "first"}, "requirements[0].name has the same name"),
    ],
)
def test_contradicting_rules_are_reported(second: dict[str, Any], expected: str) -> None:
    assert expected in problem_of([{"name": "First", "lessons": ["a"], "all": True}, second])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("requirements: [{", "line 2, column 1: it is not valid YAML or JSON: "),
        ("requirements: {a: b: c}", "line 1, column 20: it is not valid YAML or JSON: "),
        ("", "it contains no rules"),
        ("requirements: []", "requirements (line 1): it is empty"),
        ("[1, 2]", "requirements[0] (line 1): "),
        ("x: &x [*x]", "it is nested too deeply, or contains itself"),
        ("[" * 100_000, "it is nested too deeply, or contains itself"),
        ("\x00", "it is not valid YAML or JSON"),
        ("!!python/object:os.system {}", "it is not valid YAML or JSON"),
        ("x: !!bool x", "it is not valid YAML or JSON: KeyError"),
        (f"x: {'1:' * 300}1.0", "it is not valid YAML or JSON: OverflowError"),
        ("x: 1\n? [a]\n: 2", "line 2: a key must be a text, not a list or a mapping"),
        (b"requirements:\n  - \xff", "line 2: it is not UTF-8"),
        (5, "it contains no rules"),
        *(
            (f"requirements: [{{lessons: [a], users: [{one}]}}]", f"line 1: put quotes around {one}")
            for one in ("0123", "12:30", "1_000", "0x1F")
        ),
        ([1] * 50_000, "50000 problems"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nrequirements: [{lessons: *c, all: true}]", "neither"),
    ],
)
def test_document_without_rules_is_an_error(document: Any, expected: str) -> None:
    assert expected in problem_of(document)


@pytest.mark.parametrize("kind", ["list", "merge"])
def test_document_that_aliases_expand_is_rejected(kind: str) -> None:
    """Each of 30 lines repeats the one before ten times."""
    first, following = {
        "list": ("l0: &l0 [a]", "l{0}: &l{0} [{1}]"),
        "merge": ("l0: &l0 {k: a}", "l{0}: &l{0} {{<<: [{1}]}}"),
    }[kind]
    lines = [first, *(following.format(level, ", ".join([f"*l{level - 1}"] * 10)) for level in range(1, 30))]
    assert problem_of("\n".join([*lines, "requirements: [{lessons: *l29, all: true}]"])).startswith(
        "line 6: with what its aliases repeat, it has more than 200000 keys and values"
    )


def test_long_text_that_aliases_repeat_is_rejected() -> None:
    document = f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 1000)}]"
    assert problem_of(document).startswith("line 2: with what its aliases repeat")


def test_aliases_and_merge_keys_are_read() -> None:
    document = """\
requirements:
  - &rule {lessons: [a], users: &users [1011, 1012], valid_for: 1 year}
  - {<<: *rule, lessons: [b]}
  - {lessons: [c], users: *users}
"""
    rules, positions = parse_rules(document, source="rules")
    assert [rule.users for rule in rules.requirements] == [(1011, 1012)] * 3
    assert rules.requirements[1].valid_for == rules.requirements[0].valid_for
    assert positions.describe(("requirements", 2, "users", 1)) == "requirements[2].users[1] (line 4)"


def test_schema_for_editors_describes_rules() -> None:
    schema = json.loads(SCHEMA.read_text())
    expected = json.dumps({"$schema": DIALECT, **TrainingRules.model_json_schema()}, indent=2) + "\n"
    assert SCHEMA.read_text() == expected, f"write this to {SCHEMA}:\n{expected}"
    jsonschema.validate(yaml.safe_load(GOOD), schema)
    for bad in ({"lessons": [], "all": True}, {"lessons": ["a"]}, {"lessons": ["a"], "al": True}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"requirements": [bad]}, schema)
