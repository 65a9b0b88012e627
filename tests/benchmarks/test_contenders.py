"""The modules that contenders import before a measurement exist."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchmarks.exports import contender as exports
from benchmarks.to_sql import contender as to_sql
from benchmarks.training_status import contender as training_status


@pytest.mark.parametrize("module", sorted({*exports.IMPORTS, *to_sql.IMPORTS, *training_status.IMPORTS}))
def test_preloaded_module_exists(module: str) -> None:
    assert find_spec(module)
