"""Sessions of requests without redirects, cookies and settings of the environment, and bounded reading."""

from __future__ import annotations

import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

import requests

from airflow_provider_damstra.clients.adapter import FinalResponseAdapter
from airflow_provider_damstra.clients.environment import ca_bundle

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.body import BodyReader

_CHUNK_BYTES = 256 * 1024


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: no redirect is followed, so that secrets stay with the connection's host."""


def create_session(*, verify: bool | str, proxy: str | None, pool_size: int) -> requests.Session:
    """Return a session that follows no redirect, keeps no cookie and takes nothing from the environment.

    :param verify: a CA bundle's path, False, or True for the default bundle.
    :param proxy: URL of the proxy, such as ``proxy_for`` finds in the environment, or None.
    :param pool_size: connections that are kept open.
    """
    session = _Session()
    # The environment's proxies and CA bundle are set here. With trust_env, requests would add the
    # Authorization of a netrc file, and let REQUESTS_CA_BUNDLE take precedence over the connection's verify.
    session.trust_env = False
    session.verify = ca_bundle(verify) or False
    session.proxies = {"all": proxy} if proxy else {}
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, FinalResponseAdapter(pool_maxsize=pool_size, max_retries=0))
    return session


def read_body(response: requests.Response, reader: BodyReader, *, seconds: float) -> bytes:
    """Read the body.

    :param seconds: time after which it must be complete.
    :raises TimeoutError: if it is not.
    :raises BODY_ERRORS: if it is too large or damaged.
    """
    if response.status_code < 200:
        # Leaving it unread closes the connection, which the server has offered to use for another protocol.
        raise ConnectionError("no final response")
    # Other methods of reading return only when they have a whole chunk, which can be received slowly without
    # end.
    read1 = getattr(response.raw, "read1", None)
    end = time.monotonic() + seconds
    while read1 and (chunk := read1(_CHUNK_BYTES, decode_content=False)) and reader.feed(chunk):
        if time.monotonic() > end:
            raise TimeoutError
    # An adapter for tests may have set the content itself. Otherwise this would read without a limit.
    return reader.body() if reader.has_received else response.content
