"""Comparison of an account with the models and with the assumptions of the emulator, by GET requests only."""
