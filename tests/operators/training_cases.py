"""Cases of the operators for training rules."""

from __future__ import annotations

from airflow_provider_damstra.operators.training_gate import DamstraTrainingGateOperator
from tests.operators.operator_case import OperatorCase

LIAM, OLIVIA, AMELIA, WAYNE = 1011, 1012, 1016, 1038
"""Users of the demo data; Wayne is inactive."""

SITE_RULES = [
    {"lessons": ["Site Induction"], "all": True, "valid_for": "12 months"},
    {"lessons": ["Working at Heights"], "groups": ["Pit Crew A"]},
]
"""Amelia meets both, Liam the first; of Olivia only the first is required, and she does not meet it."""

GATE = OperatorCase(
    operator=DamstraTrainingGateOperator,
    arguments={"user_ids": [AMELIA], "requirements": SITE_RULES},
    result=[AMELIA],
    xcoms={"untrained": [], "open_requirements": []},
)
TRAINING = (GATE,)
