"""Benchmark of the webhook inbox and the training history in PostgreSQL, at two sizes."""
