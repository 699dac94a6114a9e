from __future__ import annotations

import importlib
import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import airflow
import jsonschema

from airflow_provider_mj.get_provider_info import get_provider_info

CORE = Path(airflow.__file__).parent


def schema(name: str) -> dict:
    return json.loads((CORE / name).read_text(encoding="utf-8"))


def test_airflow_accepts_the_provider_info():
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


def test_every_module_in_the_provider_info_can_be_imported():
    info = get_provider_info()
    modules = [
        module
        for kind in ("hooks", "sensors", "operators", "triggers")
        for part in info[kind]
        for module in part["python-modules"]
    ]
    assert len(modules) == 4
    for module in modules:
        importlib.import_module(module)


def the_form() -> tuple[str, set[str], str | None]:
    """Give what the page for connections shows of ours: name, extra fields, label of the password."""
    try:
        from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    except ImportError:  # Airflow 2
        from airflow.providers_manager import ProvidersManager

        manager = ProvidersManager()
        prefix = "extra__mj__"
        fields = {name for name in manager.connection_form_widgets if name.startswith(prefix)}
        label = manager.field_behaviours["mj"]["relabeling"]["password"]
        return manager.hooks["mj"].hook_name, {name.removeprefix(prefix) for name in fields}, label
    (form,) = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "mj"]
    label = form.standard_fields.password.title if form.standard_fields else None
    return form.hook_name, set(form.extra_fields or ()), label


def test_airflow_shows_the_form():
    timeouts = {"connect_timeout", "read_timeout", "submit_timeout"}
    extra = {"auth_scheme", "path_prefix", *timeouts, "verify", "allow_private_image_hosts", "image_host"}
    # Airflow 3.0 shows no provider's form unless Flask-AppBuilder is there, which it does not install.
    is_bare = version("apache-airflow").startswith("3.0.") and find_spec("flask_appbuilder") is None
    assert the_form() == ("Midjourney gateway", set() if is_bare else extra, None if is_bare else "Key")


def test_the_wire_imports_nothing_of_airflow():
    folder = Path(importlib.import_module("airflow_provider_mj").__file__).parent / "gateway"
    for path in folder.glob("*.py"):
        assert not re.search(
            r"^\s*(from|import) airflow\b", path.read_text(encoding="utf-8"), re.MULTILINE
        ), path
