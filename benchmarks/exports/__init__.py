"""Benchmark of reading whole listings: this provider, requests, aiohttp, HttpOperator, dlt, raw sockets."""
