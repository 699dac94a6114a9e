"""What Airflow reads to know this provider: its modules, and the form of its connection."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "Midjourney gateways"


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _INTEGRATION, "python-modules": [f"airflow_provider_mj.{n}" for n in names]}]


def _seconds(label: str, default: int) -> dict[str, Any]:
    return {
        "label": label,
        "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 3600, "default": default},
    }


CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "mj",
    "hook-class-name": "airflow_provider_mj.hooks.mj.MJHook",
    "hook-name": "Midjourney gateway",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login"],
        "relabeling": {"host": "Gateway URL", "password": "Key"},
        "placeholders": {"host": "https://gateway.example", "password": "sk-..."},
    },
    "conn-fields": {
        "auth_scheme": {
            "label": "Auth scheme",
            "description": "Header of the key: bearer, raw (no Bearer before it), or mj-api-secret",
            "schema": {
                "type": ["string", "null"],
                "enum": ["bearer", "raw", "mj-api-secret"],
                "default": "bearer",
            },
        },
        "path_prefix": {
            "label": "Path prefix",
            "description": "/mj, or where the gateway serves a mode: /mj-fast/mj, /mj-relax/mj, /mj-turbo/mj",
            "schema": {"type": ["string", "null"], "default": "/mj"},
        },
        "connect_timeout": _seconds("Connect timeout (s)", 10),
        "read_timeout": _seconds("Read timeout (s)", 30),
        "submit_timeout": _seconds("Submit timeout (s)", 90),
        "verify": {
            "label": "Verify TLS",
            "description": "true, false, or the path of a CA bundle",
            "schema": {"type": ["string", "null"], "default": "true"},
        },
        "allow_private_image_hosts": {
            "label": "Allow private image hosts",
            "description": "Fetch pictures from hosts that are not on the public internet as well",
            "schema": {"type": ["boolean", "null"], "default": False},
        },
        "image_host": {
            "label": "Image host",
            "description": "Address of a mirror of Discord's CDN, or `gateway` if it answers with localhost",
            "schema": {"type": ["string", "null"], "default": None},
        },
    },
}


def get_provider_info() -> dict[str, Any]:
    """Give the provider's description, as the entry point ``apache_airflow_provider`` promises.

    :returns: a dict of the shape that Airflow's ``provider_info.schema.json`` describes.
    """
    return {
        "package-name": "airflow-provider-mj",
        "name": "Midjourney gateways",
        "description": "Image tasks at Midjourney-proxy gateways: submit, wait without a worker, collect.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://github.com/novicezk/midjourney-proxy",
                "tags": ["service"],
            }
        ],
        "hooks": _modules("hooks.mj"),
        "sensors": _modules("sensors.mj"),
        "operators": _modules("operators.mj"),
        "triggers": _modules("triggers.mj"),
        "connection-types": [CONNECTION_TYPE],
        "config": {
            "mj": {
                "description": "Settings of the provider for Midjourney gateways.",
                "options": {
                    "installation_id": {
                        "description": (
                            "Names this installation of Airflow in the marks of submissions, so that another "
                            "one with the same DAGs at the same gateway has marks of its own. By default it "
                            "is made of the API server's addresses and the Fernet key."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "studio-berlin",
                        "default": "",
                    }
                },
            }
        },
        "task-decorators": [
            {"name": "mj_imagine", "class-name": "airflow_provider_mj.decorators.mj.mj_imagine_task"}
        ],
    }
