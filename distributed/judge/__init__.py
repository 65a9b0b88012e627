"""Independent checks of the results."""
