from __future__ import annotations

import json

import pytest
import requests
import responses
from airflow.providers.common.compat.sdk import Connection
from fakes import API, KEY

from airflow_provider_mj.gateway.errors import Acceptance, UnauthorizedError
from airflow_provider_mj.gateway.settings import SettingsError
from airflow_provider_mj.get_provider_info import CONNECTION_TYPE, get_provider_info
from airflow_provider_mj.hooks.mj import MJHook, gateway_settings

LIST = f"{API}/task/list-by-condition"
PROBE = f"{API}/task/airflow-connection-test/fetch"
HTML = "<!doctype html><title>Welcome</title>"


@pytest.mark.parametrize(
    "value",
    [
        "mj://:sk-1@https%3A%2F%2Fgw.example?auth_scheme=raw&path_prefix=%2Fmj-fast%2Fmj&read_timeout=12",
        "mj://https://:sk-1@gw.example?auth_scheme=raw&path_prefix=%2Fmj-fast%2Fmj&read_timeout=12",
        "mj://:sk-1@gw.example/https?auth_scheme=raw&path_prefix=%2Fmj-fast%2Fmj&read_timeout=12",
        json.dumps(
            {
                "conn_type": "mj",
                "host": "https://gw.example/mj",
                "password": "sk-1",
                "extra": {"auth_scheme": "raw", "path_prefix": "/mj-fast/mj", "read_timeout": 12},
            }
        ),
        json.dumps(
            {
                "conn_type": "mj",
                "host": "gw.example",
                "password": "sk-1",
                "extra": '{"auth_scheme": "raw", "path_prefix": "/mj-fast/mj", "read_timeout": "12"}',
            }
        ),
    ],
)
def test_a_connection_as_a_uri_and_as_json(monkeypatch, value):
    monkeypatch.setenv("AIRFLOW_CONN_MJ_OTHER", value)
    settings = MJHook("mj_other").client.settings
    assert settings.base_url == "https://gw.example/mj-fast/mj"
    assert (settings.key, settings.auth_scheme, settings.read_timeout) == ("sk-1", "raw", 12.0)


def test_a_connection_from_the_form():
    extra = {
        "auth_scheme": "mj-api-secret",
        "path_prefix": "/mj",
        "connect_timeout": "10",
        "read_timeout": "30",
        "submit_timeout": "90",
        "verify": "true",
        "allow_private_image_hosts": "true",
        "image_host": "gateway",
    }
    assert set(extra) == set(CONNECTION_TYPE["conn-fields"])
    form = Connection(
        conn_id="f", conn_type="mj", host="http://gw:8080", password="k", extra=json.dumps(extra)
    )
    settings = gateway_settings(form)
    assert (settings.base_url, settings.auth_scheme, settings.verify, settings.image_host) == (
        "http://gw:8080/mj",
        "mj-api-secret",
        True,
        "gateway",
    )


def test_the_forms_defaults_are_the_settings_defaults():
    defaults = {
        name: conn_field["schema"]["default"] for name, conn_field in CONNECTION_TYPE["conn-fields"].items()
    }
    plain = Connection(conn_id="c", conn_type="mj", host="gw", password="k")
    filled = Connection(conn_id="c", conn_type="mj", host="gw", password="k", extra=json.dumps(defaults))
    assert gateway_settings(plain) == gateway_settings(filled)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": None}, "no host"),
        ({"host": "gw", "extra": '{"auth_scheme": "basic"}'}, "auth_scheme"),
        ({"host": "gw", "login": "sk-1", "password": None}, "the key belongs into the password"),
    ],
)
def test_a_connection_that_can_not_be_used_is_named(fields, words):
    connection = Connection(**{"conn_id": "mj_prod", "conn_type": "mj", "password": "sk-1", **fields})
    with pytest.raises(SettingsError, match=f"'mj_prod'.*{words}") as caught:
        gateway_settings(connection)
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize("conn_id", ["", " ", None, ["a"]])
def test_a_connection_id_that_is_none(conn_id):
    with pytest.raises(ValueError, match="mj_conn_id"):
        MJHook(conn_id)


def test_the_calls_of_the_hook(gateway):
    gateway.get(f"{API}/task/17/fetch", json={"id": "17", "status": "SUCCESS"})
    gateway.post(LIST, json=[{"id": "17", "status": "SUCCESS"}])
    gateway.post(f"{API}/submit/imagine", json={"code": 1, "result": "18"})
    gateway.post(f"{API}/submit/upload-discord-images", json={"code": 1, "result": ["https://a/1.png"]})
    gateway.post(f"{API}/task/17/cancel", body="")
    gateway.get(f"{API}/task/17/image-seed", json={"code": 1, "result": "5"})
    hook = MJHook()
    assert hook.get_task("17").status == "SUCCESS"
    assert list(hook.get_tasks(["17", "18"])) == ["17"]
    submission = hook.submit("imagine", {"prompt": "a cat"})
    assert (submission.mj_task_id, submission.acceptance) == ("18", Acceptance.TASK)
    assert hook.upload_images(["data:image/png;base64,AA"]) == ("https://a/1.png",)
    hook.cancel("17")
    assert hook.image_seed("17") == "5"
    assert hook.get_conn() is hook.client
    assert hook.gateway == "gw.example"


@pytest.mark.parametrize("answer", [{"json": []}, {"json": [{"id": "1", "status": "SUCCESS"}]}])
def test_a_connection_that_works(gateway, answer):
    gateway.post(LIST, **answer)
    gateway.get(PROBE, status=204)
    gateway.get(f"{API}/task/list", json=[])
    gateway.get(f"{API}/task/airflow-connection-test/image-seed", status=404, json={"code": 3})
    assert MJHook().test_connection() == (
        True,
        "The gateway gw.example answers and takes the key; it looks like trueai-org/midjourney-proxy: "
        "a lost submission is found in its list of tasks.",
    )
    # A few calls, none of which is paid for.
    assert len(gateway.calls) <= 5
    assert not [call for call in gateway.calls if "/submit/" in call.request.url]


def test_a_list_alone_makes_no_gateway(gateway):
    gateway.post(LIST, json=[])
    gateway.get(PROBE, body=HTML)
    works, message = MJHook().test_connection()
    assert works is False
    assert "a web page came instead of JSON" in message


@pytest.mark.parametrize("no_list", [{"status": 404, "body": HTML}, {"status": 405}, {"body": HTML}])
@pytest.mark.parametrize(
    "unknown",
    [{"body": ""}, {"status": 204}, {"status": 400, "json": {"description": "task_no_found ", "code": 4}}],
)
def test_a_gateway_without_the_list_call_works_as_well(gateway, no_list, unknown):
    gateway.post(LIST, **no_list)
    gateway.get(PROBE, **unknown)
    assert MJHook().test_connection()[0] is True


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 401}, "the key is refused"),
        ({"status": 401, "json": {"error": {"message": f"bad token {KEY}"}}}, "bad token ***"),
        ({"status": 503}, "overloaded or restarts"),
        ({"body": requests.ConnectTimeout("x")}, "no connection could be made"),
    ],
)
def test_a_connection_that_does_not_work_says_why(gateway, answer, words):
    gateway.post(LIST, **answer)
    works, message = MJHook().test_connection()
    assert works is False
    assert words in message
    assert "gw.example" in message
    assert KEY not in message


def test_a_host_that_is_no_gateway_says_so(gateway):
    gateway.post(LIST, body=HTML)
    gateway.get(PROBE, body=HTML)
    works, message = MJHook().test_connection()
    assert works is False
    assert "a web page came instead of JSON" in message


def test_a_connection_that_can_not_be_read_says_why(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", '{"conn_type": "mj", "host": "ftp://gw"}')
    works, message = MJHook().test_connection()
    assert works is False
    assert "ftp://" in message


@responses.activate
def test_the_key_is_masked(monkeypatch):
    masked = []
    monkeypatch.setattr("airflow_provider_mj.hooks.mj.mask_secret", masked.append)
    assert MJHook().client.settings.key == KEY
    assert masked == [KEY]
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", '{"conn_type": "mj", "host": "gw"}')
    assert MJHook().client.settings.key == ""
    assert masked == [KEY]


def test_nothing_of_the_hook_shows_the_key(gateway):
    gateway.get(f"{API}/task/17/fetch", status=401)
    hook = MJHook()
    with pytest.raises(UnauthorizedError) as caught:
        hook.get_task("17")
    assert KEY not in f"{hook!r} {vars(hook)!r} {hook.client!r} {caught.value!r} {caught.value}"


def test_the_form_before_airflow_3_2():
    behaviour = MJHook.get_ui_field_behaviour()
    assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}


def test_the_provider_info_is_what_the_hook_says():
    (connection_type,) = get_provider_info()["connection-types"]
    module, _, name = connection_type["hook-class-name"].rpartition(".")
    assert (module, name) == (MJHook.__module__, MJHook.__name__)
    assert (connection_type["connection-type"], connection_type["hook-name"]) == (
        MJHook.conn_type,
        MJHook.hook_name,
    )
