"""Session for requests to the receiver from a task or the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.clients.environment import ca_bundle

if TYPE_CHECKING:
    import requests


def create_receiver_session() -> requests.Session:
    """Return a session that sends directly: a token must not go through a proxy of the environment."""
    import requests

    session = requests.Session()
    session.trust_env = False
    session.verify = ca_bundle(True) or False
    return session
