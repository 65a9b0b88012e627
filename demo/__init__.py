"""The demonstration: a real Airflow onboards five people on the emulator, and trainees do their lessons."""

from __future__ import annotations
