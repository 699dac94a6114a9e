from __future__ import annotations

import pytest

from airflow_provider_mj.gateway.settings import AuthScheme, GatewaySettings, SettingsError, api_url

NO_IMAGE_HOSTS = (
    *("mirror.example", "ftp://mirror.example", "https://", "https://[", "https://mirror.example:99999"),
    *("https://user:pw@mirror.example", "https://mirror.example/discord", ["https://mirror.example"], 5),
)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://gw.example", "https://gw.example/mj"),
        ("https://gw.example/", "https://gw.example/mj"),
        ("https://gw.example/mj", "https://gw.example/mj"),
        ("https://gw.example/mj/", "https://gw.example/mj"),
        ("gw.example", "https://gw.example/mj"),
        ("gw.example/mj", "https://gw.example/mj"),
        ("gw.example:8443", "https://gw.example:8443/mj"),
        (" http://localhost:8090 ", "http://localhost:8090/mj"),
        ("HTTPS://GW.example", "https://gw.example/mj"),
        ("https://gw.example/proxy", "https://gw.example/proxy/mj"),
        ("https://gw.example/mj-fast/mj", "https://gw.example/mj-fast/mj"),
        ("https://gw.example/mj/task/17/fetch", "https://gw.example/mj"),
        ("https://gw.example/mj/submit/imagine", "https://gw.example/mj"),
        ("https://gw.example/?token=x#top", "https://gw.example/mj"),
        ("http://[::1]:8090", "http://[::1]:8090/mj"),
    ],
)
def test_a_host_as_people_paste_it(host, url):
    assert api_url(host) == url


@pytest.mark.parametrize(
    ("host", "prefix", "url"),
    [
        ("https://gw.example", "/mj-relax/mj", "https://gw.example/mj-relax/mj"),
        ("https://gw.example/mj", "mj-relax/mj/", "https://gw.example/mj-relax/mj"),
        ("https://gw.example/mj-fast/mj", "/mj-turbo/mj", "https://gw.example/mj-turbo/mj"),
        ("https://gw.example/mj-fast/mj", "/mj", "https://gw.example/mj-fast/mj"),
        ("https://gw.example/mj", "/", "https://gw.example"),
        ("https://gw.example", "/v1/mj", "https://gw.example/v1/mj"),
    ],
)
def test_a_prefix_is_joined_once(host, prefix, url):
    assert api_url(host, prefix=prefix) == url


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({"host": "gw.example", "schema": "http"}, "http://gw.example/mj"),
        ({"host": "gw.example", "schema": "HTTPS", "port": 8443}, "https://gw.example:8443/mj"),
        ({"host": "gw.example", "schema": "mj"}, "https://gw.example/mj"),
        ({"host": "gw.example", "schema": "mj-fast/mj"}, "https://gw.example/mj-fast/mj"),
        ({"host": "https://gw.example:1", "port": 2}, "https://gw.example:1/mj"),
        ({"host": "http://gw.example", "schema": "https"}, "http://gw.example/mj"),
    ],
)
def test_the_other_parts_of_a_connection(parts, url):
    assert api_url(**parts) == url


@pytest.mark.parametrize(
    "host",
    [
        *[None, "", "  ", "ftp://gw.example", "https://", "https://gw.example:99999", "https://gw.example:x"],
        *["https://user:pw@gw.example", "https://key@gw.example", "https://[", "https://gw example"],
    ],
)
def test_a_host_that_is_none(host):
    with pytest.raises(SettingsError) as caught:
        api_url(host)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "prefix", ["/../admin", "/mj?x=1", "/mj#x", "/m j", "https://else.example/mj", 5, "/%2e"]
)
def test_a_prefix_that_is_none(prefix):
    with pytest.raises(SettingsError, match="path_prefix"):
        api_url("https://gw.example", prefix=prefix)


@pytest.mark.parametrize(
    ("scheme", "header"),
    [
        ("bearer", ("Authorization", "Bearer sk-1")),
        ("raw", ("Authorization", "sk-1")),
        (" MJ-API-SECRET ", ("mj-api-secret", "sk-1")),
        ("", ("Authorization", "Bearer sk-1")),
        (None, ("Authorization", "Bearer sk-1")),
    ],
)
def test_each_scheme_has_one_header(scheme, header):
    settings = GatewaySettings.parse(host="gw", key="sk-1", extra={"auth_scheme": scheme})
    assert settings.auth_scheme.header(settings.key) == header


@pytest.mark.parametrize("pasted", ["sk-1", " sk-1\n", "Bearer sk-1", "bearer  sk-1"])
def test_a_key_as_people_paste_it(pasted):
    assert GatewaySettings.parse(host="gw", key=pasted).key == "sk-1"


def test_a_raw_key_is_sent_as_it_is():
    assert GatewaySettings.parse(host="gw", key="Bearer x", extra={"auth_scheme": "raw"}).key == "Bearer x"


def test_unset_values_from_a_form_are_the_defaults():
    empty = dict.fromkeys(("auth_scheme", "path_prefix", "read_timeout", "verify"), "")
    assert GatewaySettings.parse(host="gw", key=None, extra=empty) == GatewaySettings(
        base_url="https://gw/mj"
    )


def test_values_come_as_text_from_a_uri():
    extra = {"connect_timeout": "3", "read_timeout": 12, "submit_timeout": "75.5", "verify": "False"}
    settings = GatewaySettings.parse(host="gw", extra=extra)
    assert (settings.connect_timeout, settings.read_timeout, settings.submit_timeout) == (3.0, 12.0, 75.5)
    assert settings.verify is False


@pytest.mark.parametrize(
    ("value", "verify"),
    [
        (True, True),
        ("true", True),
        ("0", False),
        (False, False),
        ("/etc/ca.pem", "/etc/ca.pem"),
        ("ca.pem", "ca.pem"),
    ],
)
def test_verify(value, verify):
    assert GatewaySettings.parse(host="gw", extra={"verify": value}).verify == verify


@pytest.mark.parametrize(
    ("value", "allowed"),
    [(True, True), (" True ", True), ("1", True), (1, True), (False, False), ("false", False), ("", False)],
)
def test_private_image_hosts_are_allowed_only_on_request(value, allowed):
    extra = {"allow_private_image_hosts": value}
    assert GatewaySettings.parse(host="gw", extra=extra).allow_private_image_hosts is allowed
    assert GatewaySettings.parse(host="gw").allow_private_image_hosts is False


@pytest.mark.parametrize(
    ("value", "image_host"),
    [
        (None, None),
        ("", None),
        (" ", None),
        ("gateway", "gateway"),
        (" Gateway ", "gateway"),
        ("https://mirror.example", "https://mirror.example"),
        (" http://Mirror.example:8080/ ", "http://mirror.example:8080"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_image_host_is_the_gateway_or_an_origin(value, image_host):
    assert GatewaySettings.parse(host="gw", extra={"image_host": value}).image_host == image_host


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"auth_scheme": "basic"}, "auth_scheme"),
        ({"auth_scheme": ["bearer"]}, "auth_scheme"),
        ({"read_timeout": 0}, "read_timeout"),
        ({"read_timeout": "soon"}, "read_timeout"),
        ({"submit_timeout": -1}, "submit_timeout"),
        ({"connect_timeout": "nan"}, "connect_timeout"),
        ({"connect_timeout": 1e9}, "connect_timeout"),
        ({"verify": "maybe"}, "verify"),
        ({"allow_private_image_hosts": "maybe"}, "allow_private_image_hosts"),
        ({"allow_private_image_hosts": ["true"]}, "allow_private_image_hosts"),
        *(({"image_host": value}, "image_host") for value in NO_IMAGE_HOSTS),
    ],
)
def test_a_wrong_extra_is_named(extra, named):
    with pytest.raises(SettingsError, match=named):
        GatewaySettings.parse(host="gw", key="sk-secret", extra=extra)


@pytest.mark.parametrize("key", ["sk-\x00secret", "sk-schlüssel", "sk-\nsecret"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key):
    with pytest.raises(SettingsError) as caught:
        GatewaySettings.parse(host="gw", key=key)
    assert "sk-" not in str(caught.value)


def test_settings_do_not_show_the_key():
    settings = GatewaySettings.parse(host="https://gw.example:8443/mj", key="sk-secret")
    assert "sk-secret" not in repr(settings)
    assert settings.gateway == "gw.example:8443"
    assert AuthScheme.BEARER in repr(settings)
