"""The provider's metadata for Airflow. Imports nothing heavy: every Airflow process reads it."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra import __version__

_NAME = "Damstra Learning"
_MODULES = {
    "hooks": ("damstra",),
    "operators": ("call", "group", "ilt_session", "lesson", "roster", "training_gate", "user"),
    "sensors": ("group", "ilt_session", "lesson_schedule", "training_gate", "user"),
    "triggers": ("event", "wait"),
}
# Airflow's integration names for HTTP servers, files on any object storage, and any SQL database.
_TRANSFERS = {
    "completion_delivery": "Hypertext Transfer Protocol (HTTP)",
    "export": "Common IO",
    "sql_views": "Common SQL",
    "to_sql": "Common SQL",
    "training_matrix": "Common IO",
    "training_status": "Common IO",
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    modules = {kind: _modules(*(f"{kind}.{name}" for name in names)) for kind, names in _MODULES.items()}
    if _is_at_least(3, 4):  # older schemas reject it
        modules["retry-policies"] = _modules("retry_policy")
    transfers = [
        {
            "source-integration-name": _NAME,
            "target-integration-name": target,
            "python-module": f"airflow_provider_damstra.transfers.{name}",
        }
        for name, target in _TRANSFERS.items()
    ]
    return {
        "package-name": "airflow-provider-damstra",
        "name": _NAME,
        "description": "Damstra Learning, formerly Velpic: lessons, ILT sessions, trainees.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": _NAME, "external-doc-url": "https://app.velpic.com", "tags": ["service"]}
        ],
        **modules,
        "transfers": transfers,
        "extra-links": ["airflow_provider_damstra.ui.DamstraLink"],
        "connection-types": [_CONNECTION_TYPE],
        "asset-uris": [
            {
                "schemes": ["damstra"],
                "handler": "airflow_provider_damstra.assets.sanitize_uri",
                "factory": "airflow_provider_damstra.assets.damstra_event",
                "to_openlineage_converter": "airflow_provider_damstra.assets.convert_asset_to_openlineage",
            }
        ],
        "cli": ["airflow_provider_damstra.cli.get_cli_commands"],
        "config": CONFIGURATION,
        "db-managers": ["airflow_provider_damstra.webhooks.database.DamstraDBManager"],
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "integration-name": _NAME,
            "python-modules": [f"airflow_provider_damstra.{name}" for name in names],
        }
    ]


def _is_at_least(major: int, minor: int) -> bool:
    """Return whether Airflow has at least this version; a pre-release counts as its release."""
    from importlib.metadata import version

    first, second, *_ = version("apache-airflow-core").split(".")
    return (int(first), int(second)) >= (major, minor)


def _field(label: str, description: str, *types: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [*types, "null"], **schema}}


_CONNECTION_FIELDS = {
    "timeout": _field("Timeout", "Seconds to connect, and seconds between two reads. Default 30.", "number"),
    "max_retries": _field("Max retries", "Attempts after the first. Default 4.", "integer", minimum=0),
    "page_size": _field("Page size", "Rows requested per page. Default 100.", "integer", minimum=1),
    "max_concurrency": _field(
        "Max concurrency", "Concurrent requests of one process. Default 8.", "integer", minimum=1
    ),
    "requests_per_second": _field(
        "Requests per second", "Limit for one process; empty for none.", "number", minimum=0
    ),
    "max_response_bytes": _field(
        "Max response bytes", "Size after decompression at most. Default 67108864.", "integer", minimum=1
    ),
    "verify": _field("Verify TLS", "true, false, or the path of a CA bundle. Default true.", "string"),
    "link_urls": _field(
        "Link addresses",
        'Addresses of records for the link "Open in Damstra", relative to the host: {"user": "#users/{id}"}; '
        "also group, lesson, lesson_version, lesson_schedule and ilt_session.",
        "object",
    ),
    "allow_http": _field("Allow HTTP", "Allow http:// to a host other than this machine.", "boolean"),
    "webhook_token": _field("Webhook token", "Secret of the webhook receiver.", "string", format="password"),
    "webhook_tokens_previous": _field(
        "Previous webhook tokens",
        "Accepted until their time: <token>:<time>, separated by spaces.",
        "string",
        format="password",
    ),
    "hash_key": _field(
        "Hash key",
        "Secret with which exports hash columns (hash_columns). At least 32 characters.",
        "string",
        format="password",
    ),
}

_CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "damstra",
    "hook-class-name": "airflow_provider_damstra.hooks.damstra.DamstraHook",
    "hook-name": _NAME,
    "ui-field-behaviour": {
        "hidden-fields": ["login", "schema"],
        "relabeling": {"password": "Access key"},
        "placeholders": {
            "host": "app.velpic.com",
            # Without a port the form sends 0, and Airflow refuses to test the stored key with another port.
            "port": "443 (optional, but Test Connection needs it)",
            "password": "Integrations > API Access Keys in Damstra Learning",
        },
    },
    "conn-fields": _CONNECTION_FIELDS,
}


def _option(kind: str, default: str, description: str, *, example: str | None = None) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": __version__,
        "type": kind,
        "example": example,
        "default": default,
    }


_OPTIONS = {
    "webhooks_enabled": _option(
        "boolean", "False", "Receive webhooks at /damstra/webhooks/<connection>/<token> of the API server."
    ),
    "webhook_conn_ids": _option(
        "string",
        "damstra_default",
        "Ids of the connections whose webhooks are received, separated by commas. Each needs a "
        "webhook_token in its extra, except for events of trainings.",
        example="damstra_default,damstra_mine",
    ),
    "webhook_networks": _option(
        "string",
        "",
        "Networks that webhooks, and the requests of workers, may come from, separated by commas; all if "
        "empty. Behind a proxy, let the API server see the sender's address (--proxy-headers, "
        "FORWARDED_ALLOW_IPS with the proxy's address, not *).",
        example="203.0.113.0/24,2001:db8::/32",
    ),
    "receiver_url": _option(
        "string",
        "",
        "Base URL of the API server, without /damstra, for triggerer, workers and the command line; "
        "default as [api] base_url. The triggerer reads events for waiting tasks there.",
        example="http://airflow-api-server.internal:8080",
    ),
    "verify_events": _option(
        "boolean", "True", "Verify an event with the Damstra API before it updates an asset."
    ),
    "allow_unknown_events": _option(
        "boolean",
        "False",
        "Let events with unknown names update the asset for all events. They cannot be verified: any "
        "sender that has the webhook URL can start the DAGs on that asset. If False, they are refused.",
    ),
    "verify_patience": _option(
        "float",
        "120",
        "Seconds during which verification is retried for an event that Damstra does not show yet, "
        "before the event is refused; not counting outages of Damstra or the database.",
    ),
    "inbox_retention": _option(
        "float",
        "30",
        "Days that a received event is kept, and during which duplicates of it are recognized. "
        "Events that are older when they arrive are refused.",
    ),
}

CONFIGURATION: dict[str, Any] = {
    "damstra": {
        "description": "Events of Damstra Learning: its webhooks, received by Airflow's API server.",
        "options": _OPTIONS,
    }
}
