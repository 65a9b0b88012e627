"""Optional dependencies: the extras of this provider that install them."""

from __future__ import annotations

from importlib.util import find_spec


def require_extra(extra: str, module: str, *, needed_for: str) -> None:
    """Check that an optional dependency is installed on this worker.

    This is checked when the task runs, not in the DAG file, which may be parsed on another machine.

    :param extra: the extra of this provider that installs the module.
    :param needed_for: the argument that needs it, such as ``"file_format 'parquet'"``.
    :raises ValueError: naming the command that installs it.
    """
    try:
        is_installed = find_spec(module) is not None
    except ModuleNotFoundError:
        is_installed = False
    if not is_installed:
        raise ValueError(
            f"{needed_for} needs {module}, which this worker does not have: "
            f"pip install 'airflow-provider-damstra[{extra}]'"
        )
