"""The plugin: an entry in Airflow's navigation, nothing on Airflow 3.0, and Airflow below a path."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from airflow_provider_damstra.pages import plugin
from airflow_provider_damstra.pages.plugin import DamstraPagesPlugin
from airflow_provider_damstra.pages.urls import page_url, task_instance_url

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.mark.needs_airflow("3.1")
def test_navigation_has_one_top_level_entry_that_leads_to_the_app() -> None:
    from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse

    (view,) = DamstraPagesPlugin.external_views
    (app,) = DamstraPagesPlugin.fastapi_apps
    response = ExternalViewResponse.model_validate(view)
    assert (response.name, response.url_route, response.destination) == ("Damstra", "damstra", "nav")
    assert response.href == f"{app['url_prefix']}/"


def test_without_external_views_there_is_no_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_HAS_EXTERNAL_VIEWS", False)
    assert DamstraPagesPlugin.fastapi_apps == []


def test_addresses_begin_with_the_path_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/airflow/")
    assert DamstraPagesPlugin.external_views[0]["href"] == "/airflow/damstra-ui/"
    assert page_url("/inbox", state="waiting") == "/airflow/damstra-ui/inbox?state=waiting"
    assert task_instance_url("a b", "r+1", "t/x", -1) == "/airflow/dags/a%20b/runs/r%2B1/tasks/t%2Fx"


def test_entry_point_names_the_plugin() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["airflow.plugins"]["damstra_pages"].partition(":")
    assert getattr(import_module(module), name) is DamstraPagesPlugin
