"""People, DAGs and the DAG runs that put the load on the stack."""
