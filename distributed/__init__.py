"""Proof on a distributed Airflow: many people, faults in every component, and an independent check."""
