"""Timing attack on the webhook receiver."""
