"""Pictures from addresses that somebody else chose, fetched without being led into our own network."""

from __future__ import annotations

import http.client
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from urllib3.util import parse_url

from airflow_provider_mj.gateway.errors import quote
from airflow_provider_mj.gateway.reach import PORTS, CheckedAdapter, NotAllowedError, Rules
from airflow_provider_mj.gateway.transport import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator

# As much as can be had without malloc asking the system for it, and giving it back, each time (128 KiB).
_CHUNK = 120 * 1024
_MAX_REDIRECTS = 5
_CONNECT_TIMEOUT = 10.0
# A packed answer could be a thousand times as large unpacked, and pictures gain nothing by it.
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "image/*,*/*;q=0.1", "Accept-Encoding": "identity"}
_GONE_STATUSES = (403, 404, 410)
# Discord says so with 404, before 2025 with 403; a gateway's /mj/image/{id} hands it on in JSON.
_GONE = b"This content is no longer available"
_GONE_WITHIN = 1024


class DownloadError(Exception):
    """A picture could not be fetched.

    :param what: what happened, as the continuation of the address.
    :param url: the address; the message has neither its query, which may be signed, nor its credentials.
    """

    retry_helps: ClassVar[bool] = False
    """Whether the same download may go well later, so that a retry of the Airflow task makes sense."""
    advice: ClassVar[str] = ""
    """What to do."""

    def __init__(self, what: str, *, url: object) -> None:
        self.url = shown_url(url)
        super().__init__(" ".join(filter(None, [f"picture {self.url}: {what}.", self.advice])))


class RefusedUrlError(DownloadError):
    """The address is none that we fetch: its scheme, its credentials, or where it leads."""


class LinkExpiredError(DownloadError):
    """The link does not work any more."""

    advice = (
        "A Discord link works for 24 hours: save a picture soon after its task has ended, or give a new link."
    )


class TooLargeError(DownloadError):
    """There are more bytes than are wanted."""


class DownloadFailedError(DownloadError):
    """No answer came, or one that is no picture: no such host, broken, too slow, an error's status."""

    retry_helps = True


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


class Downloader:
    """Fetches pictures from addresses that come from outside, one after the other.

    Nothing is sent along that tells who we are: no key, no cookie, no credentials of the address, none of
    ~/.netrc. An address in a private network, on this machine or otherwise not public is refused, redirects
    to one as well. That is checked before connecting, and again with the address that the connection then
    has, since a name may resolve differently the second time. With a proxy in the environment only the first
    check can be made, with what the name resolves to here, and the proxy may see another address; between
    the bytes of the headers the time is not looked at then.

    Connections are kept for what follows: TLS takes longer to begin than many a picture to come.

    :param allow_private: whether addresses that are not public may be fetched as well.
    :param own_host: host and port, as :attr:`.GatewaySettings.gateway` has them, that may be anywhere;
        without a port, 80 and 443.
    :param verify: as in :class:`.GatewaySettings`, and only for ``own_host``: others must be trusted by all.
    """

    def __init__(
        self, *, allow_private: bool = False, own_host: str | None = None, verify: bool | str = True
    ) -> None:
        self._rules = Rules(allow_private, own_host, verify)
        self._session = requests.Session()
        self._session.adapters.clear()
        for scheme in PORTS:
            self._session.mount(f"{scheme}://", CheckedAdapter(self._rules))
        self._may_be_stale = False
        self._environments: dict[tuple[str, str, int], dict[str, Any]] = {}

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
        :param timeout: seconds for everything, redirects included; finding the host's address is not counted.
        :raises RefusedUrlError: the address is none that is fetched.
        :raises LinkExpiredError: the host says that there is nothing (any more): 403, 404, 410.
        :raises TooLargeError: there are more than ``max_bytes``.
        :raises DownloadFailedError: anything else; only then it may go well later.
        """
        self._rules.begin(max_bytes, timeout)
        last_url, response = self._follow(url)
        with response:
            _check_answer(response, last_url, self._rules)
            named = response.headers.get("Content-Type", "").partition(";")[0]
            yield Stream(quote(named.lower()), _chunks(response, last_url, self._rules))
        self._may_be_stale = True

    def _follow(self, url: str) -> tuple[str, requests.Response]:
        """Give the first answer that is no redirect, and the address that gave it."""
        for _ in range(_MAX_REDIRECTS + 1):
            with _failures(url):
                response = self._get(url)
                location = self._session.get_redirect_target(response)
                if location is None:
                    return url, response
                response.close()
                url = _redirected(url, location)
        raise RefusedUrlError(f"it is redirected more than {_MAX_REDIRECTS} times", url=url)

    def _get(self, url: str) -> requests.Response:
        try:
            return self._get_once(url)
        except requests.ConnectionError as error:
            # A host may close a connection that was kept at the very moment that it is used again.
            if not self._may_be_stale or isinstance(error, requests.Timeout):
                raise
        self._may_be_stale = False
        self.close()
        return self._get_once(url)

    def _get_once(self, url: str) -> requests.Response:
        # With an auth that adds nothing, requests looks neither into the address for one nor into ~/.netrc.
        asked = requests.Request("GET", url, headers=_HEADERS, auth=lambda sent: sent)
        request = self._session.prepare_request(asked)
        scheme, host, port = _target(request.url or "")
        self._rules.check_name(host, port)
        environment = self._environment(scheme, host, port)
        seconds = self._rules.seconds_left()
        timeout = (min(_CONNECT_TIMEOUT, seconds), seconds)
        # Not the session's own `send`: that reads the body of a redirect whole, be it followed or not.
        adapter = self._session.get_adapter(request.url or "")
        return adapter.send(request, timeout=timeout, **environment)

    def _environment(self, scheme: str, host: str, port: int) -> dict[str, Any]:
        """Give the proxies and the CA bundle of the environment; to look takes a tenth of a small picture."""
        key = scheme, host, port
        if key not in self._environments:
            verify = self._rules.verify if self._rules.is_own(host, port) else True
            url = f"{scheme}://{host}:{port}"
            found = self._session.merge_environment_settings(url, {}, True, verify, None)
            self._environments[key] = dict(found)
        return self._environments[key]


def download(
    url: str,
    *,
    max_bytes: int,
    timeout: float = 60.0,
    allow_private: bool = False,
    own_host: str | None = None,
    verify: bool | str = True,
) -> bytes:
    """Fetch a picture whole; see :class:`Downloader`, whose parameters and errors it has."""
    with (
        Downloader(allow_private=allow_private, own_host=own_host, verify=verify) as downloader,
        downloader.stream(url, max_bytes=max_bytes, timeout=timeout) as picture,
    ):
        return b"".join(picture.chunks)


def shown_url(url: object) -> str:
    """Give an address as it may be shown: without credentials, query and fragment, at most 200 characters."""
    if not isinstance(url, str):
        return f"of type {type(url).__name__}"
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "at an address that can't be read"
    if not host and parts.scheme != "file":
        return "at an address without a host"
    name = f"[{host}]" if ":" in host else host
    return quote(f"{parts.scheme}://{name}{port}{parts.path}")


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise NotAllowedError("it is redirected to what is no address") from None


def _target(url: str) -> tuple[str, str, int]:
    """Give scheme, host and port, by the same parser as for the connection: both mean the same host."""
    target = parse_url(url)
    if target.scheme not in PORTS or not target.host:
        raise NotAllowedError("only http and https addresses are fetched")
    if target.auth is not None:
        raise NotAllowedError("it holds credentials, which are never sent on")
    return target.scheme, target.host, target.port or PORTS[target.scheme]


def _check_answer(response: requests.Response, url: str, rules: Rules) -> None:
    status = response.status_code
    if status in _GONE_STATUSES:
        raise LinkExpiredError(f"its host answers {status}", url=url)
    if status != requests.codes.ok:
        with _failures(url):
            is_gone = _GONE in response.raw.read1(_GONE_WITHIN, decode_content=False)
        kind = LinkExpiredError if is_gone else DownloadFailedError
        raise kind(f"its host answers {status}", url=url)
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise DownloadFailedError("its host packs it, though asked not to", url=url)
    length = response.headers.get("Content-Length", "")
    if re.fullmatch(r"\d{1,18}", length, re.ASCII) and int(length) > rules.max_bytes:
        raise TooLargeError(f"it is over {rules.max_bytes} bytes", url=url)


def _chunks(response: requests.Response, url: str, rules: Rules) -> Iterator[bytes]:
    taken = 0
    while chunk := _chunk(response, url, rules):
        if not taken and _GONE in chunk[:_GONE_WITHIN]:
            raise LinkExpiredError("its host says that it is no longer available", url=url)
        taken += len(chunk)
        if taken > rules.max_bytes:
            raise TooLargeError(f"it is over {rules.max_bytes} bytes", url=url)
        yield chunk


def _chunk(response: requests.Response, url: str, rules: Rules) -> bytes:
    with _failures(url):
        rules.seconds_left()
        # Not `read1`, which never notes the end, so that the connection would not be kept.
        chunk: bytes = response.raw.read(_CHUNK, decode_content=False)
        return chunk


@contextmanager
def _failures(url: object) -> Iterator[None]:
    """Make what goes wrong with an address one of our errors; the libraries' own would show it whole."""
    try:
        yield
    except NotAllowedError as error:
        raise RefusedUrlError(str(error), url=url) from None
    except _UNREADABLE:
        raise RefusedUrlError("it is no http or https address", url=url) from None
    except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
        what = next((what for kinds, what in _FAILURES if isinstance(error, kinds)), None)
        raise DownloadFailedError(what or f"it broke off ({type(error).__name__})", url=url) from None


_UNREADABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3.exceptions.LocationParseError,
    UnicodeError,
)
# The first row that fits decides; the classes of libraries overlap.
_FAILURES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((socket.gaierror,), "its host is not known here"),
    ((requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError), "it did not come in time"),
    ((requests.exceptions.ProxyError,), "the proxy of the environment does not reach it"),
    ((requests.exceptions.SSLError,), "its host's TLS certificate is not accepted"),
    ((requests.exceptions.ConnectionError,), "no connection could be made, or it broke"),
)
