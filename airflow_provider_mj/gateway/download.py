"""Pictures from addresses that somebody else chose, fetched without being led into our own network."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

import requests
from requests.utils import select_proxy
from urllib3.util import parse_url

from airflow_provider_mj.gateway.connections import ExchangeAdapter
from airflow_provider_mj.gateway.denials import (
    GONE_STATUSES,
    SAID_WITHIN,
    DownloadError,
    DownloadFailedError,
    LinkExpiredError,
    RefusedUrlError,
    TooLargeError,
    WithheldError,
    denial,
    failures,
    says_gone,
)
from airflow_provider_mj.gateway.exchange import Exchange
from airflow_provider_mj.gateway.reach import PORTS, NotAllowedError, Origin, Rules, origin_of
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.transport import USER_AGENT
from airflow_provider_mj.keeping.media import kind_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_mj.gateway.settings import GatewaySettings

__all__ = [
    "DownloadError",
    "DownloadFailedError",
    "Downloader",
    "LinkExpiredError",
    "RefusedUrlError",
    "TooLargeError",
    "WithheldError",
    "download",
]

# As much as can be had without malloc asking the system for it, and giving it back, each time (128 KiB).
_CHUNK = 120 * 1024
_MAX_REDIRECTS = 5
_CONNECT_TIMEOUT = 10.0
# A packed answer could be a thousand times as large unpacked, and pictures gain nothing by it.
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "image/*,*/*;q=0.1", "Accept-Encoding": "identity"}
# What a body can be packed with. Storages say "", "aws-chunked" or "utf-8" of bytes that are plain.
_CODINGS = frozenset(
    ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi")
)
# What a host may say for a moment of a picture that it has: while a file spreads, or its gate restarts.
_SAID_AT_TIMES = (401, *GONE_STATUSES)

SECOND_LOOK = 3.0
"""Seconds after which such an answer is asked for again before it counts; at most half of the time left."""


@dataclass(frozen=True)
class Stream:
    """A picture on its way.

    :param content_type: what the host calls it, e.g. ``image/png``, in lower case; empty if it says nothing.
        Hosts are often wrong about it.
    :param chunks: its bytes, once; an iteration raises the errors of
        :meth:`Downloader.stream`.
    """

    content_type: str
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class _Answered:
    """An answer that is no redirect.

    :param url: who gave it, after redirects.
    :param is_home: whether all the way to it was on the own origin.
    :param has_key: whether the key was sent along.
    """

    url: str
    response: requests.Response
    is_home: bool
    has_key: bool


class Downloader:
    """Fetches pictures from addresses that come from outside, one after the other.

    Nothing is sent along that tells who we are: no cookie, no credentials of the address, none of ~/.netrc,
    and no key, but for ``key_header``.

    An address in a private network, on this machine or otherwise not public is refused, redirects to one as
    well. A name is looked up once, all that it resolves to is checked, and only then the connection
    is made, to these addresses. With a proxy in the environment what the name resolves to here is checked,
    and the proxy may see another address.

    Connections are kept for what follows: TLS takes longer to begin than many a picture to come.

    :param allow_private: whether addresses that are not public may be fetched as well. Link-local ones, and
        those where clouds keep what their machines may know, never are.
    :param own_origin: the gateway's origin as :attr:`.GatewaySettings.origin` has it, which may be at an
        address that is not public; another scheme or port of its host may not.
    :param verify: as in :class:`.GatewaySettings`, and only for ``own_origin``; others must be trusted by
        all.
    :param key_header: name and value of the header with the gateway's key. Some forks of new-api show
        pictures only to who has one: it is sent to ``own_origin`` alone, after that has answered 401, and
        not if the way there led over another host.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        own_origin: str | None = None,
        verify: bool | str = True,
        key_header: tuple[str, str] | None = None,
    ) -> None:
        self._rules = Rules(allow_private, origin_of(own_origin))
        self._verify = verify
        self._key_header = key_header
        self._session = requests.Session()
        self._session.adapters.clear()
        for scheme in PORTS:
            self._session.mount(f"{scheme}://", ExchangeAdapter())
        self._may_be_stale = False
        self._environments: dict[tuple[str, str, int], dict[str, Any]] = {}

    @classmethod
    def of(cls, settings: GatewaySettings) -> Self:
        """Make one that fetches from where the settings of a gateway allow it."""
        return cls(
            allow_private=settings.allow_private_image_hosts,
            own_origin=settings.origin,
            verify=settings.verify,
            key_header=settings.auth_scheme.header(settings.key) if settings.key else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @contextmanager
    def stream(self, url: str, *, max_bytes: int, timeout: float) -> Iterator[Stream]:
        """Fetch a picture piece by piece.

        :param url: an http or https address.
        :param max_bytes: the most bytes that are taken.
        :param timeout: seconds for everything, from looking up the host to the last byte, redirects included.
        :raises RefusedUrlError: the address is none that is fetched.
        :raises LinkExpiredError: the host says twice that there is nothing (any more): 403, 404, 410.
        :raises WithheldError: the gateway does not hand it out, with its key neither.
        :raises TooLargeError: there are more than ``max_bytes``.
        :raises DownloadFailedError: anything else; only then it may go well later.
        """
        exchange = Exchange(
            deadline=time.monotonic() + timeout,
            connect_timeout=_CONNECT_TIMEOUT,
            max_bytes=max_bytes,
            check=self._rules.check,
        )
        answered = self._look_surely(url, exchange)
        response = answered.response
        with response:
            _check_answer(answered, max_bytes)
            named = response.headers.get("Content-Type", "").partition(";")[0]
            yield Stream(quote(named.lower()), _chunks(response, answered.url, max_bytes))
        self._may_be_stale = True

    def fetch(self, url: str, *, max_bytes: int, timeout: float = 60.0) -> bytes:
        """Fetch a picture whole; see :meth:`stream`."""
        with self.stream(url, max_bytes=max_bytes, timeout=timeout) as picture:
            return b"".join(picture.chunks)

    def _look_surely(self, url: str, exchange: Exchange) -> _Answered:
        """Give the answer, asked for again where it would be the end of a picture that was paid for."""
        answered = self._look(url, exchange)
        if answered.response.status_code not in _SAID_AT_TIMES:
            return answered
        answered.response.close()
        with failures(answered.url):
            time.sleep(min(SECOND_LOOK, exchange.seconds_left / 2))
        return self._look(url, exchange)

    def _look(self, url: str, exchange: Exchange) -> _Answered:
        """Give the answer; that to the key, where the own origin wants one."""
        answered = self._follow(url, exchange)
        wants_key = answered.response.status_code == requests.codes.unauthorized and answered.is_home
        if not wants_key or self._key_header is None:
            return answered
        answered.response.close()
        return self._follow(url, exchange, self._key_header)

    def _follow(self, url: str, exchange: Exchange, key_header: tuple[str, str] | None = None) -> _Answered:
        """Give the first answer that is no redirect; what is not at home any more gets no key."""
        is_home = True
        for _ in range(_MAX_REDIRECTS + 1):
            with failures(url), exchange:
                request, target = self._prepared(url)
                is_home = is_home and self._rules.is_own(*target)
                has_key = is_home and key_header is not None
                if has_key and key_header is not None:
                    request.headers[key_header[0]] = key_header[1]
                response = self._get(request, target, exchange)
                location = self._session.get_redirect_target(response)
                if location is None:
                    return _Answered(url, response, is_home, has_key)
                response.close()
                url = _redirected(url, location)
        raise RefusedUrlError(f"it is redirected more than {_MAX_REDIRECTS} times", url=url)

    def _prepared(self, url: str) -> tuple[requests.PreparedRequest, Origin]:
        # With an auth that adds nothing, requests looks neither into the address for one nor into ~/.netrc.
        asked = requests.Request("GET", url, headers=_HEADERS, auth=lambda sent: sent)
        request = self._session.prepare_request(asked)
        return request, _target(request.url or "")

    def _get(
        self, request: requests.PreparedRequest, target: Origin, exchange: Exchange
    ) -> requests.Response:
        try:
            return self._get_once(request, target, exchange)
        except requests.ConnectionError as error:
            # A host may close a connection that was kept at the very moment that it is used again.
            if not self._may_be_stale or isinstance(error, requests.Timeout):
                raise
        self._may_be_stale = False
        self.close()
        return self._get_once(request, target, exchange)

    def _get_once(
        self, request: requests.PreparedRequest, target: Origin, exchange: Exchange
    ) -> requests.Response:
        environment = self._environment(*target)
        if select_proxy(request.url or "", environment["proxies"]):
            self._rules.check_name(*target, exchange)
        # The exchange keeps the time; this is what urllib3 sets before the exchange is asked.
        timeout = (_CONNECT_TIMEOUT, exchange.seconds_left)
        # Not the session's own `send`: that reads the body of a redirect whole, be it followed or not.
        adapter = self._session.get_adapter(request.url or "")
        return adapter.send(request, timeout=timeout, **environment)

    def _environment(self, scheme: str, host: str, port: int) -> dict[str, Any]:
        """Give the proxies and the CA bundle of the environment; to look takes a tenth of a small picture."""
        key = scheme, host, port
        if key not in self._environments:
            verify = self._verify if self._rules.is_own(scheme, host, port) else True
            url = f"{scheme}://{host}:{port}"
            found = self._session.merge_environment_settings(url, {}, True, verify, None)
            self._environments[key] = dict(found)
        return self._environments[key]


def download(url: str, *, max_bytes: int, timeout: float = 60.0, **rules: Any) -> bytes:
    """Fetch a picture whole.

    :param url: an http or https address.
    :param max_bytes: the most bytes that are taken.
    :param timeout: seconds for everything.
    :param rules: as for :class:`Downloader`; its errors are raised.
    """
    with Downloader(**rules) as downloader:
        return downloader.fetch(url, max_bytes=max_bytes, timeout=timeout)


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise NotAllowedError("it is redirected to what is no address") from None


def _target(url: str) -> Origin:
    """Give scheme, host and port, by the same parser as for the connection: both mean the same host."""
    target = parse_url(url)
    if target.scheme not in PORTS or not target.host:
        raise NotAllowedError("only http and https addresses are fetched")
    if "%" in target.host and not target.host.startswith("["):  # some versions let it pass for a name
        raise NotAllowedError("only http and https addresses are fetched")
    if target.auth is not None:
        raise NotAllowedError("it holds credentials, which are never sent on")
    return target.scheme, target.host, target.port or PORTS[target.scheme]


def _check_answer(answered: _Answered, max_bytes: int) -> None:
    response, url = answered.response, answered.url
    if response.status_code != requests.codes.ok:
        raise denial(response.status_code, _said(response, url), url=url, has_key=answered.has_key)
    length = response.headers.get("Content-Length", "")
    if re.fullmatch(r"\d{1,18}", length, re.ASCII) and int(length) > max_bytes:
        raise TooLargeError(f"it is over {max_bytes} bytes", url=url)


def _said(response: requests.Response, url: str) -> bytes:
    try:
        with failures(url):
            said: bytes = response.raw.read(SAID_WITHIN, decode_content=False)
            return said
    except DownloadError:
        # Of a status that says enough the body is no matter.
        if response.status_code in GONE_STATUSES:
            return b""
        raise


def _is_packed(response: requests.Response) -> bool:
    named = response.headers.get("Content-Encoding", "").lower().split(",")
    return not _CODINGS.isdisjoint(map(str.strip, named))


def _chunks(response: requests.Response, url: str, max_bytes: int) -> Iterator[bytes]:
    taken = 0
    while chunk := _chunk(response, url):
        if not taken:
            _check_beginning(response, chunk, url)
        taken += len(chunk)
        if taken > max_bytes:
            raise TooLargeError(f"it is over {max_bytes} bytes", url=url)
        yield chunk


def _check_beginning(response: requests.Response, chunk: bytes, url: str) -> None:
    if says_gone(chunk):
        raise LinkExpiredError("its host says that it is no longer available", url=url)
    # What begins as a picture is not packed, whatever its host says.
    if _is_packed(response) and kind_of_file(chunk) is None:
        raise DownloadFailedError("its host packs it, though asked not to", url=url)


def _chunk(response: requests.Response, url: str) -> bytes:
    with failures(url):
        # Not `read1`: urllib3 2.1 has none, and it never notes the end, so no connection would be kept.
        chunk: bytes = response.raw.read(_CHUNK, decode_content=False)
        return chunk
