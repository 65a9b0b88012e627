"""Operators, a module for each resource of the API."""
