"""Waits of a DAG."""
