"""An emulator of Damstra Learning: a real HTTP server with a real store, for developing and testing DAGs."""
