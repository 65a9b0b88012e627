"""A Redis server on a free port, with its data in a folder."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING

from redis import Redis
from redis.exceptions import RedisError

from demo.processes import ManagedProcess, server_port
from demo.waiting import DemoError, wait_until

if TYPE_CHECKING:
    from pathlib import Path

STARTUP_TIMEOUT = 30.0


class RedisServer:
    """A Redis server that keeps its data when it is killed.

    :param folder: folder for configuration, data and log.
    :raises DemoError: if the machine has no Redis.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise DemoError(
                "redis-server is missing: install it, on Debian with 'apt-get install redis-server'"
            )
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.password = secrets.token_urlsafe()
        self._port = server_port()
        # In a file, because arguments are visible to every user of the machine.
        configuration = folder / "redis.conf"
        configuration.touch(mode=0o600)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self.password,
            "dir": str(self.data),
            "appendonly": "yes",
            # The files are searched for secrets.
            "rdbcompression": "no",
            "save": "''",
        }
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self.process = ManagedProcess(
            "redis", [program, str(configuration)], env=os.environ, cwd=folder, log=folder / "redis.log"
        )

    @property
    def url(self) -> str:
        """Return the URL of database 0, with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it responds."""
        self.process.start()
        wait_until(self._is_ready, description="Redis", timeout=STARTUP_TIMEOUT)

    def version(self) -> str:
        """Return the version of the server."""
        with Redis.from_url(self.url, socket_timeout=5) as client:
            return str(client.info("server")["redis_version"])

    def _is_ready(self) -> bool:
        self.process.check()
        try:
            with Redis.from_url(self.url, socket_timeout=5) as client:
                return bool(client.ping())
        except RedisError:
            return False
