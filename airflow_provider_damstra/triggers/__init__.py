"""Waits in the triggerer. They only read."""
