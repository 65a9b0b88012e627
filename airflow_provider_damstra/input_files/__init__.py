"""Tabular input files: CSV, JSON lines, Parquet and Excel, compressed or not, as rows with their location."""
