"""URLs of the pages and of Airflow's own UI, as the browser has to request them."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from airflow.configuration import conf

URL_PREFIX = "/damstra-ui"
"""Path of the pages in the API server; not below the receiver's, which a proxy may publish."""


def page_url(path: str, **query: str | int) -> str:
    """Return the URL of a page.

    :param path: path below ``URL_PREFIX``, with a slash in front.
    :param query: parameters.
    """
    return f"{_base_path()}{URL_PREFIX}{path}{f'?{urlencode(query)}' if query else ''}"


def task_instance_url(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the URL of a task instance in Airflow's UI."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    names = (quote(name, safe="") for name in (dag_id, run_id, task_id))
    return "{}/dags/{}/runs/{}/tasks/{}{}".format(_base_path(), *names, mapped)


def connections_url() -> str:
    """Return the URL of the connections in Airflow's UI."""
    return f"{_base_path()}/connections"


def _base_path() -> str:
    """Return the path of Airflow, such as ``/airflow`` behind a proxy that serves several applications."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
