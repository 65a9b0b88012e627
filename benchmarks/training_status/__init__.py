"""Benchmark of training statuses: one listing for each person, beside the floor of these requests."""
