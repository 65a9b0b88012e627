"""Steps that carry data out of Damstra Learning."""
