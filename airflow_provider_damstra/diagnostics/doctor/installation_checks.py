"""Checks of this machine: versions, extras, the plugin, and the limit of open files."""

from __future__ import annotations

import platform
import resource
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from typing import TYPE_CHECKING

from airflow.configuration import conf
from packaging.requirements import Requirement

from airflow_provider_damstra import __version__
from airflow_provider_damstra.diagnostics.doctor.context import SkippedError
from airflow_provider_damstra.diagnostics.finding import Finding, Level
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.doctor.context import DoctorContext

DISTRIBUTION = "airflow-provider-damstra"
PLUGIN = "damstra"
FILES_BESIDES_TRIGGERS = 200
"""Open files of a triggerer that belong to no trigger: its logs, its sockets to Airflow, and libraries."""


def check_versions(_: DoctorContext) -> Finding:
    """Check that the installed packages are those that this provider needs."""
    text = (
        f"Airflow {version('apache-airflow-core')}, {DISTRIBUTION} {__version__}, "
        f"Python {platform.python_version()}."
    )
    problems = [
        problem for requirement in _requirements() if (problem := _find_problem(requirement)) is not None
    ]
    if not problems:
        return Finding(check="versions", level=Level.OK, text=text)
    return Finding(
        check="versions",
        level=Level.ERROR,
        text=f"{text} Not as required: {join_first(problems)}.",
        advice=f"Install the package again, so that pip changes these versions: pip install {DISTRIBUTION}",
    )


def check_extras(_: DoctorContext) -> Finding:
    """Report which optional dependencies are installed on this machine."""
    extras = _distribution().metadata.get_all("Provides-Extra") or []
    installed = [name for name in extras if not any(map(_find_problem, _requirements(name)))]
    missing = [name for name in extras if name not in installed]
    text = f"Installed extras: {', '.join(installed) or 'none'}."
    if missing:
        text += f" Not installed: {', '.join(missing)}."
    return Finding(check="extras", level=Level.OK, text=text)


def _distribution() -> Distribution:
    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise SkippedError(
            f"{DISTRIBUTION} is not installed as a package, so that Airflow finds neither its connection "
            "type nor its plugin: install it with pip"
        ) from None


def _requirements(extra: str = "") -> Iterator[Requirement]:
    """Yield the requirements that apply to this machine: those of an extra, or those that always apply."""
    for requirement in map(Requirement, _distribution().requires or ()):
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            if not extra:
                yield requirement
        elif extra and marker.evaluate({"extra": extra}):
            yield requirement


def _find_problem(requirement: Requirement) -> str | None:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(found, prereleases=True):
        return None
    return f"{requirement.name} {found} is not {requirement.specifier}"


def check_plugin(_: DoctorContext) -> Finding:
    """Check that Airflow has loaded the plugin, which receives webhooks."""
    from airflow import plugins_manager

    plugins_manager.ensure_plugins_loaded()
    names = {plugin["name"] for plugin in plugins_manager.get_plugin_info(["name"])}
    if PLUGIN in names:
        return Finding(check="plugin", level=Level.OK, text="Airflow has loaded the plugin of this provider.")
    return Finding(
        check="plugin",
        level=Level.ERROR,
        text="Airflow has not loaded the plugin of this provider: it cannot receive webhooks.",
        advice="airflow plugins prints errors of the import; another plugin must not have the name damstra.",
    )


def check_open_files(_: DoctorContext) -> Finding:
    """Compare the limit of open files with the number of triggers of a triggerer."""
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    capacity = conf.getint("triggerer", "capacity", fallback=1000)
    needed = capacity + FILES_BESIDES_TRIGGERS
    text = f"This process may open {_shown(limit)} files; [triggerer] capacity is {capacity}."
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return Finding(check="open files", level=Level.OK, text=text)
    return Finding(
        check="open files",
        level=Level.WARNING,
        text=text,
        advice=f"Where the triggerer runs, ulimit -n must print at least {needed} (systemd: LimitNOFILE; "
        "containers: the ulimit nofile), or lower [triggerer] capacity: triggers of other providers may "
        "have a connection each.",
    )


def _shown(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else str(limit)
