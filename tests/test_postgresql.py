"""The PostgreSQL server for tests, from the machine's packages and from the wheel."""

from __future__ import annotations

import psycopg
import pytest

from tests.postgresql import PostgreSQL, installed_programs, running_postgresql


@pytest.mark.parametrize("from_wheel", [False, True] if installed_programs() else [True])
def test_server_keeps_data_over_restart(from_wheel: bool) -> None:
    with running_postgresql(from_wheel=from_wheel) as server, server.new_database() as database:
        with server.connected(database) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
            server.stop()
            with pytest.raises(psycopg.OperationalError):
                server.connected(database)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        server.start()
        with server.connected(database) as connection:
            assert connection.execute("SELECT value FROM kept").fetchall() == [(7,)]


def test_new_database_is_empty_and_needs_password(postgresql: PostgreSQL, database: str) -> None:
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    with postgresql.connected(database) as connection:
        assert connection.execute(tables).fetchone() == (0,)
    fields = postgresql.connection_fields(database)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host=fields["host"], port=fields["port"], user=fields["login"], password="wrong", dbname=database
        )
