"""The functions of the commands ``airflow damstra ...``, one module per group of commands."""
