"""Benchmark of operators for many people: upsert, sync, scheduling and training matrix."""
