"""Whose certificates are trusted: the same on both faces."""

from __future__ import annotations

import os
import ssl

import certifi

from airflow_provider_damstra.errors import DamstraConfigurationError


def trust(verify: bool | str) -> ssl.SSLContext | bool:
    """Return what is trusted, as requests has it: the connection's bundle, the environment's, or certifi's.

    :param verify: a bundle's path, True for the default, or False for anybody.
    :raises DamstraConfigurationError: if the bundle cannot be read.
    """
    if verify is False:
        return False
    named = verify if isinstance(verify, str) else None
    environment = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    bundle = named or environment or certifi.where()
    try:
        if os.path.isdir(bundle):
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:  # ssl.SSLError is one
        why = "there is no such file" if isinstance(error, FileNotFoundError) else "it holds no certificate"
    raise DamstraConfigurationError(
        f"The CA bundle {bundle!r} (extra verify, or REQUESTS_CA_BUNDLE) cannot be used: {why}."
    )


def check_bundle(verify: bool | str) -> None:
    """Refuse a bundle that cannot be read, before the first request.

    :raises DamstraConfigurationError: naming the bundle.
    """
    if isinstance(verify, str):
        trust(verify)
