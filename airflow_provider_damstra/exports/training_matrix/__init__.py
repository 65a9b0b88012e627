"""Training matrix of a group: computation and output formats."""
