"""What Airflow asks a provider about itself. Imports nothing heavy: every Airflow process reads it."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra import __version__

_INTEGRATION = "Damstra Learning"
_MODULES: dict[str, tuple[str, ...]] = {
    "hooks": ("damstra",),
    "operators": (
        "call",
        "group",
        "group_membership",
        "ilt_attendance",
        "ilt_session",
        "lesson",
        "lesson_schedule",
        "user",
        "user_accounts",
    ),
    "sensors": ("group", "ilt_session", "lesson_schedule", "user"),
    "triggers": ("event", "wait"),
}
_TRANSFERS = ("export", "training_matrix")


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    return {
        "package-name": "airflow-provider-damstra",
        "name": _INTEGRATION,
        "description": "Damstra Learning, formerly Velpic: lessons, ILT sessions, trainees.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://app.velpic.com",
                "tags": ["service"],
            }
        ],
        **{kind: [_modules(kind, names)] for kind, names in _MODULES.items()},
        "transfers": [_transfer(name) for name in _TRANSFERS],
        "extra-links": ["airflow_provider_damstra.links.DamstraLink"],
        "connection-types": [_CONNECTION_TYPE],
    }


def _modules(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "integration-name": _INTEGRATION,
        "python-modules": [f"airflow_provider_damstra.{kind}.{name}" for name in names],
    }


def _transfer(name: str) -> dict[str, Any]:
    return {
        "source-integration-name": _INTEGRATION,
        # What Airflow calls the files of any object storage.
        "target-integration-name": "Common IO",
        "python-module": f"airflow_provider_damstra.transfers.{name}",
    }


def _field(label: str, description: str, *types: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [*types, "null"], **schema}}


_CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "damstra",
    "hook-class-name": "airflow_provider_damstra.hooks.damstra.DamstraHook",
    "hook-name": _INTEGRATION,
    "ui-field-behaviour": {
        "hidden-fields": ["login", "schema"],
        "relabeling": {"password": "Access key"},
        "placeholders": {
            "host": "app.velpic.com",
            "password": "Integrations > API Access Keys in Damstra Learning",
        },
    },
    "conn-fields": {
        "timeout": _field(
            "Timeout", "Seconds to connect, and seconds between two reads. Default 30.", "number"
        ),
        "max_retries": _field("Max retries", "Attempts after the first. Default 4.", "integer", minimum=0),
        "page_size": _field("Page size", "Rows asked for per page. Default 100.", "integer", minimum=1),
        "max_concurrency": _field(
            "Max concurrency", "Requests in flight at once from one process. Default 8.", "integer", minimum=1
        ),
        "requests_per_second": _field(
            "Requests per second", "Limit for one process; empty for none.", "number", minimum=0
        ),
        "verify": _field("Verify TLS", "true, false, or the path of a CA bundle. Default true.", "string"),
        "allow_http": _field("Allow HTTP", "Allow http:// to a host other than this machine.", "boolean"),
        "webhook_token": _field(
            "Webhook token", "Secret of the webhook receiver.", "string", format="password"
        ),
    },
}
