"""The modules that contenders import before a measurement exist."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchmarks.exports import contender as exports
from benchmarks.exports import growth_contender as growth
from benchmarks.people import contender as people
from benchmarks.to_sql import contender as to_sql
from benchmarks.training_status import contender as training_status

CONTENDERS = (exports, growth, people, to_sql, training_status)


@pytest.mark.parametrize("module", sorted({module for one in CONTENDERS for module in one.IMPORTS}))
def test_preloaded_module_exists(module: str) -> None:
    assert find_spec(module)
