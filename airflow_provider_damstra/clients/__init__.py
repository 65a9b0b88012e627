"""HTTP clients of the API: ``Client`` on requests, ``AsyncClient`` on aiohttp."""
