"""Conditions that sensors and triggers wait for: pure state machines without I/O (sans-I/O)."""
