"""Loading of exported rows into a table of any database that SQLAlchemy supports."""
