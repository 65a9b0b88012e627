"""Whole listings read by this provider, requests, aiohttp, HttpOperator, dlt, and off the raw socket."""
