"""Completions of lessons for other systems: reading them, sending them to an HTTP endpoint, CSV."""
