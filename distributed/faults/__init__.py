"""Faults that are injected while DAG runs are in progress."""
