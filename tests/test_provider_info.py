"""The provider's metadata: valid by Airflow's schemas, complete and consistent with the code."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, cast

import airflow
import jsonschema
import pytest
from airflow.utils.db_manager import RunDBManager
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

import airflow_provider_damstra
from airflow_provider_damstra.clients.settings import ClientOptions
from airflow_provider_damstra.get_provider_info import get_provider_info
from airflow_provider_damstra.hooks.connection import DamstraConnectionExtra, settings_from_connection
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.retry_policy import DamstraRetryPolicy
from airflow_provider_damstra.webhooks.config import load_receiver_config
from airflow_provider_damstra.webhooks.database import DamstraDBManager
from tests.hooks.connections import connection

INFO = get_provider_info()
(CONNECTION,) = INFO["connection-types"]
FIELDS: dict[str, Any] = CONNECTION["conn-fields"]
PACKAGE = Path(airflow_provider_damstra.__file__).parent
# Required only of providers in Airflow's own repository.
ONLY_FOR_AIRFLOWS_OWN = {"state", "lifecycle", "source-date-epoch"}


def schema(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((Path(airflow.__file__).parent / name).read_text())
    return parsed


@pytest.mark.needs_airflow("3.2")  # commands and tables of providers
def test_info_matches_strict_provider_schema() -> None:
    strict = schema("provider.yaml.schema.json")
    required = set(strict["required"]) - ONLY_FOR_AIRFLOWS_OWN
    jsonschema.Draft7Validator({**strict, "required": sorted(required)}).validate(INFO)


@pytest.mark.needs_airflow("3.3")  # forms that need no hook
def test_connection_type_has_only_known_fields() -> None:
    # The schema accepts unknown fields; a field written with an underscore would be ignored silently.
    known = schema("provider.yaml.schema.json")["properties"]["connection-types"]["items"]["properties"]
    assert CONNECTION.keys() <= known.keys()


def test_info_matches_runtime_schema() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))


def test_info_is_json_serializable_and_stable() -> None:
    assert json.loads(json.dumps(INFO)) == INFO
    assert get_provider_info() == INFO
    assert INFO["versions"] == [airflow_provider_damstra.__version__]


def modules_that_define(folder: str, suffix: str) -> set[str]:
    """Return the modules of a package with a public class such as ``Damstra...Operator``."""
    defines = re.compile(rf"^class Damstra\w+{suffix}\b", re.M)
    return {
        f"airflow_provider_damstra.{folder}.{path.stem}"
        for path in (PACKAGE / folder).glob("*.py")
        if path.stem != "base" and defines.search(path.read_text())
    }


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_all_modules_are_listed(kind: str) -> None:
    suffix = {"hooks": ""}.get(kind, kind[:-1].title())
    listed = {module for entry in INFO[kind] for module in entry["python-modules"]}
    expected = modules_that_define(kind, suffix) if suffix else {"airflow_provider_damstra.hooks.damstra"}
    assert listed == expected
    assert all(importlib.import_module(module).__doc__ for module in listed)


def test_all_transfers_are_listed() -> None:
    listed = {entry["python-module"] for entry in INFO["transfers"]}
    assert listed == modules_that_define("transfers", "Operator")
    assert all(importlib.import_module(module).__doc__ for module in listed)


def test_retry_policy_is_listed_where_the_schema_has_the_key() -> None:
    key = "retry-policies"
    known = schema("provider.yaml.schema.json")["properties"]
    listed = {module for entry in INFO.get(key, ()) for module in entry["python-modules"]}
    assert listed == ({DamstraRetryPolicy.__module__} if key in known else set())


def test_integrations_are_declared() -> None:
    declared = {integration["integration-name"] for integration in INFO["integrations"]}
    used = {
        entry["integration-name"]
        for kind in ("hooks", "operators", "sensors", "triggers")
        for entry in INFO[kind]
    }
    assert used == declared
    assert {entry["source-integration-name"] for entry in INFO["transfers"]} <= declared


def test_form_fields_are_the_extras() -> None:
    assert list(FIELDS) == list(DamstraConnectionExtra.model_fields)


@pytest.mark.parametrize("name", list(FIELDS))
def test_description_of_form_field_contains_default(name: str) -> None:
    default = DamstraConnectionExtra.model_fields[name].default
    assert default is not PydanticUndefined
    named = re.search(r"Default (\S+?)\.$", FIELDS[name]["description"])
    if default in (None, False):
        assert named is None
    else:
        assert named is not None
        assert (
            float(named[1]) == default if not isinstance(default, bool) else named[1] == str(default).lower()
        )


KINDS = {"number": float, "integer": int, "boolean": bool, "string": str, "object": dict}


@pytest.mark.parametrize("name", list(FIELDS))
def test_form_field_schema_matches_extra(name: str) -> None:
    described = FIELDS[name]["schema"]
    samples = {
        "number": 5,
        "integer": 5,
        "boolean": True,
        "string": "k" * 32 if described.get("format") == "password" else "true",
        "object": {"user": "#users/{id}"},
    }
    for kind in set(described["type"]) - {"null"}:
        jsonschema.validate(samples[kind], described)
        read = getattr(DamstraConnectionExtra.model_validate({name: samples[kind]}), name)
        assert read == samples[kind] or isinstance(read, SecretStr) or read is True
    assert "null" in described["type"]
    assert settings_from_connection(connection(extra={name: None})) == settings_from_connection(connection())


def test_secret_form_fields_are_passwords() -> None:
    secret = {
        name
        for name, field in DamstraConnectionExtra.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    assert {name for name, field in FIELDS.items() if field["schema"].get("format") == "password"} == secret
    assert secret == set(DamstraConnectionExtra.model_fields) - set(ClientOptions.model_fields) - {
        "allow_http"
    }


REGISTERED = [
    *(path for entry in INFO["asset-uris"] for kind, path in entry.items() if kind != "schemes"),
    *INFO["db-managers"],
]


@pytest.mark.parametrize("path", REGISTERED)
def test_registered_names_are_importable(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_database_manager_is_valid() -> None:
    (path,) = INFO["db-managers"]
    manager = DamstraDBManager
    assert path == f"{manager.__module__}.{manager.__name__}"
    RunDBManager._validate(cast("Any", manager))


CHANGED_OPTIONS = {
    "webhooks_enabled": "True",
    "webhook_conn_ids": "damstra_mine",
    "webhook_networks": "203.0.113.0/24",
    "verify_events": "False",
    "verify_patience": "7",
    "inbox_retention": "7",
}


@pytest.mark.parametrize("name", CHANGED_OPTIONS)
def test_option_is_read_from_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_receiver_config()
    monkeypatch.setenv(f"AIRFLOW__DAMSTRA__{name.upper()}", CHANGED_OPTIONS[name])
    assert load_receiver_config() != before


PRINT_METADATA = """
import json
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Asset
manager = ProvidersManager()
shown = manager.hooks["damstra"]._asdict()
shown["uri"] = Asset(uri="damstra://c/ALL/").uri
try:
    Asset(uri="damstra://c/nothing")
except ValueError as error:
    shown["invalid_uri"] = str(error)
shown["database"] = manager.db_managers
provider = manager.providers["airflow-provider-damstra"]
shown["documentation_url"] = provider.data.get("documentation-url")
print(json.dumps({**shown, "version": provider.version}, default=str))
"""


def install_into(folder: Path) -> None:
    """Write the metadata that pip writes, so that Airflow finds the package without installation."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    group = "apache_airflow_provider"
    entries = project["entry-points"][group]
    info = folder / "airflow_provider_damstra-0.dist-info"
    info.mkdir()
    version = airflow_provider_damstra.__version__
    urls = "".join(f"Project-URL: {label}, {url}\n" for label, url in project["urls"].items())
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n"
    (info / "METADATA").write_text(head + urls)
    lines = [f"{name} = {target}" for name, target in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))


def print_metadata(folder: Path) -> dict[str, Any]:
    """Return the provider's metadata in Airflow, read in a new process."""
    install_into(folder)
    paths = os.pathsep.join([str(folder), str(PACKAGE.parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "AIRFLOW_HOME": str(folder)}
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", PRINT_METADATA], env=environment, capture_output=True, text=True, check=True
    )
    shown: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return shown


@pytest.mark.needs_airflow("3.2")
def test_airflow_loads_provider_metadata(tmp_path: Path) -> None:
    shown = print_metadata(tmp_path)
    assert shown["hook_class_name"] == CONNECTION["hook-class-name"]
    assert shown["hook_class_name"] == f"{DamstraHook.__module__}.{DamstraHook.__name__}"
    assert (shown["hook_name"], shown["connection_type"]) == (CONNECTION["hook-name"], "damstra")
    assert (shown["package_name"], shown["version"]) == (INFO["package-name"], INFO["versions"][0])
    assert shown["connection_id_attribute_name"] == DamstraHook.conn_name_attr
    assert shown["uri"] == "damstra://c/all"
    assert "There is no event 'nothing'" in shown["invalid_uri"]
    assert shown["database"] == INFO["db-managers"]


@pytest.mark.needs_airflow("3.3")
def test_page_of_providers_links_to_documentation(tmp_path: Path) -> None:
    assert print_metadata(tmp_path)["documentation_url"] == "https://app.velpic.com"


def test_connection_form_relabels_and_hides_fields() -> None:
    behaviour = CONNECTION["ui-field-behaviour"]
    assert behaviour["relabeling"]["password"] == "Access key"
    assert set(behaviour["hidden-fields"]) == {"login", "schema"}
    assert behaviour["placeholders"]["host"] in settings_from_connection(connection()).base_url
