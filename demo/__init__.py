"""The demonstration: a real Airflow onboards five users of the emulator, who complete their lessons."""

from __future__ import annotations
