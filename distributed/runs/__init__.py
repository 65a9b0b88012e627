"""The runs: each puts a load on the stack, and checks the results."""
