"""Benchmarks, which compare alternatives in one run."""
