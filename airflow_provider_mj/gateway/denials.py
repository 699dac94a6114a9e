"""Why a picture could not be fetched: which error an answer is, or a failure of a library."""

from __future__ import annotations

import http.client
import re
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import requests
import urllib3

from airflow_provider_mj.gateway.exchange import TooMuchError, causes
from airflow_provider_mj.gateway.reach import HERE_ADVICE, NotAllowedError, is_here, origin_of
from airflow_provider_mj.gateway.shown import quote, shown_url
from airflow_provider_mj.gateway.transport import is_bad_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

GONE_STATUSES = (403, 404, 410)
"""Statuses of a picture that is not there (any more)."""
SAID_WITHIN = 1024
"""Bytes of an answer that are looked at."""
# Discord says so with 404, before 2025 with 403; a gateway's /mj/image/{id} hands it on in JSON.
_GONE = b"This content is no longer available"
# new-api fetches what it shows through a filter of its own, and says so of a host that this does not know.
_BLOCKED = re.compile(rb'\s*+\{\s*+"error"\s*+:\s*+"(request (?:blocked|reject)[^"\\]*+)', re.IGNORECASE)


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


class WithheldError(DownloadError):
    """The gateway has the picture, and does not hand it out."""

    advice = (
        "The picture was made, and another one would fare alike: ask the gateway's operator, soon, since a "
        "Discord link works for 24 hours."
    )


class TooLargeError(DownloadError):
    """There are more bytes than are wanted."""


class DownloadFailedError(DownloadError):
    """No answer came, or one that is no picture: no such host, broken, too slow, an error's status."""

    retry_helps = True


def denial(status: int, said: bytes, *, url: str, has_key: bool) -> DownloadError:
    """Give the error that an answer other than 200 is.

    :param status: its status.
    :param said: the beginning of its body.
    :param url: who gave it.
    :param has_key: whether that was asked with the gateway's key.
    """
    if blocked := _BLOCKED.match(said):
        words = quote(blocked[1].decode("utf-8", "replace"))
        return WithheldError(f"the gateway's own filter does not let it pass ({words})", url=url)
    if status == requests.codes.unauthorized and has_key:
        what = "the gateway shows it only to who has a key, and does not take that of the connection (401)"
        return WithheldError(what, url=url)
    kind = LinkExpiredError if status in GONE_STATUSES or says_gone(said) else DownloadFailedError
    return kind(f"its host answers {status}", url=url)


def says_gone(said: bytes) -> bool:
    """Tell whether a body, whatever its status, says that the picture is not there any more."""
    return _GONE in said[:SAID_WITHIN]


@contextmanager
def failures(url: object) -> Iterator[None]:
    """Make what goes wrong with an address one of our errors; the libraries' own would show it whole."""
    before = sys.exception()
    try:
        yield
    except NotAllowedError as error:
        raise RefusedUrlError(str(error), url=url) from None
    except TooMuchError:
        raise TooLargeError("far more bytes come than it may have", url=url) from None
    except _UNREADABLE:
        raise RefusedUrlError("it is no http or https address", url=url) from None
    except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
        raise DownloadFailedError(_failure(error, before) + _here_advice(error, url), url=url) from None


def _failure(error: Exception, before: BaseException | None) -> str:
    # In some versions that class is one of the time-outs; what it was made of is there as well.
    left_out = urllib3.exceptions.NewConnectionError
    found = [cause for cause in causes(error, before) if not isinstance(cause, left_out)]
    if any(map(is_bad_certificate, found)):
        return "its host's TLS certificate is not accepted"
    for kinds, what in _FAILURES:
        if any(isinstance(cause, kinds) for cause in found):
            return what
    return f"it broke off ({type(error).__name__})"


def _here_advice(error: Exception, url: object) -> str:
    """Say what a link to "localhost" means where nothing listens there."""
    origin = origin_of(url) if isinstance(url, str) else None
    is_ours = isinstance(error, requests.ConnectionError) and origin and is_here(origin[1])
    return f"; {HERE_ADVICE}" if is_ours else ""


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
    ((requests.exceptions.ConnectionError,), "no connection could be made, or it broke"),
)
