"""Where a gateway is and how to talk to it, made from what people paste into a connection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PREFIX = "/mj"
_TRUE = ("1", "true", "t", "yes", "y", "on")
_FALSE = ("0", "false", "f", "no", "n", "off")
_MAX_TIMEOUT = 3600.0
_BEARER = re.compile(r"\Abearer\s++", re.IGNORECASE)
_CALLS = ("task", "submit")


class SettingsError(ValueError):
    """The connection's values can't be used; the message says which, and never holds the key."""


class AuthScheme(StrEnum):
    """In which header the key goes: exactly one, since some gateways look at the wrong one of two."""

    BEARER = "bearer"
    RAW = "raw"
    MJ_API_SECRET = "mj-api-secret"  # noqa: S105 (the name of a header)

    def header(self, key: str) -> tuple[str, str]:
        """Give the header's name and value for a key."""
        if self is AuthScheme.MJ_API_SECRET:
            return "mj-api-secret", key
        return "Authorization", f"Bearer {key}" if self is AuthScheme.BEARER else key


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Everything that a client needs to know of one gateway.

    :param base_url: address of the API with its prefix, without a slash at the end: ``https://gw.example/mj``.
    :param key: the secret; empty for a gateway that asks for none.
    :param auth_scheme: the header that it goes into.
    :param connect_timeout: seconds to make a connection.
    :param read_timeout: seconds for the whole answer to a read.
    :param submit_timeout: seconds for the whole answer to a submission; gateways wait up to 60 s for
        what stands behind them.
    :param verify: whether to check the TLS certificate, or the path of the CA bundle to check it with.
    :param allow_private_image_hosts: whether pictures may be fetched from hosts that are not on the public
        internet; from the gateway itself they always may.
    :param image_host: origin of a mirror of Discord's CDN, from which pictures are fetched in its place;
        ``gateway`` where links to "localhost" mean the gateway.
    """

    base_url: str
    key: str = field(default="", repr=False)
    auth_scheme: AuthScheme = AuthScheme.BEARER
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    submit_timeout: float = 90.0
    verify: bool | str = True
    allow_private_image_hosts: bool = False
    image_host: str | None = None

    @property
    def gateway(self) -> str:
        """The gateway's host and port, as messages name it."""
        return urlsplit(self.base_url).netloc

    @property
    def origin(self) -> str:
        """The gateway's scheme, host and port, e.g. ``https://gateway.example:8443``."""
        return f"{urlsplit(self.base_url).scheme}://{self.gateway}"

    @classmethod
    def parse(
        cls,
        *,
        host: str | None,
        key: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> GatewaySettings:
        """Make settings from the parts of a connection, with everything unset or empty left at its default.

        :param host: the gateway, with or without ``https://`` and ``/mj``.
        :param key: the secret, with white space around it forgiven.
        :param schema: ``http`` or ``https`` for a host without a scheme, or the path of a connection URI.
        :param port: port of a host that names none.
        :param extra: ``auth_scheme``, ``path_prefix``, ``connect_timeout``, ``read_timeout``,
            ``submit_timeout``, ``verify``, ``allow_private_image_hosts``, ``image_host``.
        :raises SettingsError: when one of them can't be used.
        """
        given = {name: value for name, value in (extra or {}).items() if value not in (None, "")}
        scheme = _auth_scheme(given.get("auth_scheme", AuthScheme.BEARER))
        timeouts = {
            name: _seconds(name, given[name])
            for name in ("connect_timeout", "read_timeout", "submit_timeout")
            if name in given
        }
        return cls(
            base_url=api_url(host, schema=schema, port=port, prefix=given.get("path_prefix")),
            key=_key(key, scheme),
            auth_scheme=scheme,
            verify=_verify(given.get("verify", True)),
            allow_private_image_hosts=_yes_or_no(
                "allow_private_image_hosts", given.get("allow_private_image_hosts", False)
            ),
            image_host=_image_host(given.get("image_host")),
            **timeouts,
        )


def _image_host(value: object) -> str | None:
    """Read where pictures are fetched from in place of what their links say."""
    text = str(value).strip() if value is not None else ""
    if text.lower() in ("", "gateway"):
        return text.lower() or None
    try:
        origin, path = _origin_and_path(text, None)
    except SettingsError:
        origin, path = "", ""
    # Of a link, only scheme and host are replaced: a path would be dropped silently.
    if not origin or path.strip("/"):
        raise SettingsError("`image_host` must be `gateway`, or a mirror as https://host without a path")
    return origin


def api_url(
    host: str | None, *, schema: str | None = None, port: int | None = None, prefix: object = None
) -> str:
    """Give the address of a gateway's API.

    :param host: what was pasted as host: with or without scheme, port, path and a trailing ``/mj``.
    :param schema: ``http`` or ``https`` where the host names none; anything else is a path.
    :param port: port where the host names none.
    :param prefix: ``/mj`` if unset; a gateway's modes are under others, e.g. ``/mj-fast/mj``.
    :returns: the address, without a slash at the end.
    :raises SettingsError: when there is no host, or it can't be a gateway's address.
    """
    text = (host or "").strip()
    if not text:
        raise SettingsError(
            "the connection has no host: give the gateway's URL, e.g. https://gateway.example"
        )
    schema = (schema or "").strip()
    is_scheme = schema.lower() in ("http", "https")
    if "://" not in text:
        text = f"{schema.lower() if is_scheme else 'https'}://{text}"
    origin, path = _origin_and_path(text, port)
    return origin + _join(path if is_scheme or not schema else f"{path}/{schema.strip('/')}", prefix)


def _origin_and_path(url: str, port: int | None) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or port
    except ValueError as error:
        raise SettingsError("the host is no valid address") from error
    if parts.username is not None or parts.password is not None:
        raise SettingsError("the host holds credentials: put the key into the password field instead")
    if parts.scheme not in ("http", "https"):
        raise SettingsError(f"the host begins with {parts.scheme}://; a gateway speaks http:// or https://")
    if not parts.hostname or re.search(r"[\s\\]", parts.hostname):
        raise SettingsError("the host is no valid address")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{name}" + (f":{port}" if port else ""), parts.path


def _join(path: str, prefix: object) -> str:
    """Join the pasted path and the prefix, so that ``/mj`` is there once."""
    # Somebody pasted the address of a call: what is before the call is the API.
    parts = path.rstrip("/").split("/")
    called = next((place for place, part in enumerate(parts) if place and part in _CALLS), len(parts))
    path = "/".join(parts[:called])
    if prefix is None or prefix == DEFAULT_PREFIX:
        return path if path.endswith("/mj") else path + DEFAULT_PREFIX
    if not isinstance(prefix, str) or re.search(r"[\s?#\\%]", prefix) or ".." in prefix or "://" in prefix:
        raise SettingsError("`path_prefix` must be a path such as /mj or /mj-fast/mj")
    cleaned = "/".join(part for part in prefix.split("/") if part)
    return _without_prefix(path) + (f"/{cleaned}" if cleaned else "")


def _without_prefix(path: str) -> str:
    """Cut ``/mj``, and the mode before it, off the end of a path."""
    if not path.endswith(DEFAULT_PREFIX):
        return path
    before, _, mode = path.removesuffix(DEFAULT_PREFIX).rpartition("/")
    return before if mode.startswith("mj-") and mode != "mj-" else path.removesuffix(DEFAULT_PREFIX)


def _auth_scheme(value: object) -> AuthScheme:
    try:
        return AuthScheme(str(value).strip().lower())
    except ValueError:
        known = ", ".join(AuthScheme)
        raise SettingsError(f"`auth_scheme` is none of {known}") from None


def _key(value: str | None, scheme: AuthScheme) -> str:
    key = (value or "").strip()
    if scheme is AuthScheme.BEARER:
        # Documents show the whole header, so people paste the whole header.
        key = _BEARER.sub("", key, count=1)
    if not (key.isascii() and key.isprintable()):
        raise SettingsError("the key (password) has characters that no HTTP header can carry")
    return key


def _seconds(name: str, value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MAX_TIMEOUT:
        raise SettingsError(f"`{name}` must be a number of seconds above 0 and up to {_MAX_TIMEOUT:.0f}")
    return seconds


def _yes_or_no(name: str, value: object) -> bool:
    flag = _flag(value)
    if flag is None:
        raise SettingsError(f"`{name}` must be true or false")
    return flag


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def _verify(value: object) -> bool | str:
    flag = _flag(value)
    if flag is not None:
        return flag
    text = str(value).strip()
    if not re.search(r"[/\\.]", text):
        raise SettingsError("`verify` must be true, false or the path of a CA bundle")
    return text
