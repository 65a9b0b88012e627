"""Queries and changes of the emulator's tables, used by the handlers."""
