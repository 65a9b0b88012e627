"""Thousands of deferred tasks in two triggerers of a real Airflow on PostgreSQL."""
