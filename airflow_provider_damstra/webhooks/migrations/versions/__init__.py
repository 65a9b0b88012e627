"""Alembic revisions, one per file."""
