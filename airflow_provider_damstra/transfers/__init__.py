"""Operators that carry what Damstra Learning knows to somewhere else."""
