"""Shared polling of the API in the triggerer: one poller for each event loop and connection."""
