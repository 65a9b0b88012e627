"""Steps of a DAG."""
