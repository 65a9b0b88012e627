"""What Airflow asks a provider about itself. Imports nothing heavy: every Airflow process reads it."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    return {
        "package-name": "airflow-provider-damstra",
        "name": "Damstra Learning",
        "description": "Damstra Learning, formerly Velpic: lessons, ILT sessions, trainees.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Damstra Learning",
                "external-doc-url": "https://damstralearning.docs.apiary.io/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {
                "integration-name": "Damstra Learning",
                "python-modules": ["airflow_provider_damstra.hooks.damstra"],
            }
        ],
        "operators": [
            {
                "integration-name": "Damstra Learning",
                "python-modules": [
                    "airflow_provider_damstra.operators.call",
                    "airflow_provider_damstra.operators.group",
                    "airflow_provider_damstra.operators.group_membership",
                    "airflow_provider_damstra.operators.ilt_attendance",
                    "airflow_provider_damstra.operators.ilt_session",
                    "airflow_provider_damstra.operators.lesson",
                    "airflow_provider_damstra.operators.lesson_schedule",
                    "airflow_provider_damstra.operators.user",
                    "airflow_provider_damstra.operators.user_accounts",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "Damstra Learning",
                "python-modules": [
                    "airflow_provider_damstra.sensors.group",
                    "airflow_provider_damstra.sensors.ilt_session",
                    "airflow_provider_damstra.sensors.lesson_schedule",
                    "airflow_provider_damstra.sensors.user",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": "Damstra Learning",
                "python-modules": ["airflow_provider_damstra.triggers.wait"],
            }
        ],
        "extra-links": ["airflow_provider_damstra.links.DamstraLink"],
        "connection-types": [_CONNECTION_TYPE],
    }


def _field(label: str, description: str, *types: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [*types, "null"], **schema}}


_CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "damstra",
    "hook-class-name": "airflow_provider_damstra.hooks.damstra.DamstraHook",
    "hook-name": "Damstra Learning",
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
