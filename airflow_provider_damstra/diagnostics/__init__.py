"""Diagnostics: the checks of an installation, and the comparison of an account with the models."""
