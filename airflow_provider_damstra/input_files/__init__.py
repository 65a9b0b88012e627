"""Tabular input files: CSV, JSON lines and Parquet, compressed or not, as rows with their location."""
