"""The only place that touches a socket: one client for workers, one for the triggerer, one core."""
