"""Airflow provider for Damstra Learning: hooks, operators, sensors, triggers and an emulator of its API."""

from __future__ import annotations

__version__ = "0.1.0"
