"""What is only needed by some, and has to be installed by them."""

from __future__ import annotations

from importlib.util import find_spec


def refuse_missing(extra: str, module: str, *, wanted: str) -> None:
    """Refuse what this machine cannot do.

    This is asked where the rows are read, not where the DAG is: that may be another machine.

    :param extra: the extra of this provider that brings the module.
    :param wanted: what the module is needed for, as the DAG's author wrote it.
    :raises ValueError: naming the command that installs it.
    """
    if not _is_installed(module):
        raise ValueError(
            f"{wanted} needs {module}, which this worker does not have: "
            f"pip install 'airflow-provider-damstra[{extra}]'"
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
