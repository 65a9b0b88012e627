"""Set how many cases each fuzz target runs: FUZZ_CASES, 150 without it (`make fuzz` sets 20,000)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

# Derandomised without FUZZ_CASES, so that a failure of `make test` repeats.
fuzz_settings = settings(
    max_examples=int(os.environ.get("FUZZ_CASES", "150")),
    derandomize="FUZZ_CASES" not in os.environ,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
