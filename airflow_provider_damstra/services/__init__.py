"""Idempotent operations that take several API calls, used by the operators."""
