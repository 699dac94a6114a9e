"""One request path: auth, time limits, retries, and reading an answer that nobody vouches for."""

from __future__ import annotations

import codecs
import http.client
import itertools
import ssl
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests
import tenacity
import urllib3
from requests.auth import AuthBase

from airflow_provider_mj import __version__
from airflow_provider_mj.gateway.answers import Answer, Ask
from airflow_provider_mj.gateway.codings import ACCEPTED, CodingError, TooLongError, plain
from airflow_provider_mj.gateway.connections import ExchangeAdapter
from airflow_provider_mj.gateway.errors import (
    CertificateError,
    GatewayBusyError,
    GatewayError,
    GatewayUnreachableError,
    NoConnectionError,
    SubmissionUnknownError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.exchange import Exchange, Phase, TooMuchError, causes
from airflow_provider_mj.gateway.header_times import date_seconds, retry_after_seconds
from airflow_provider_mj.gateway.incoming import cleaned_rows, decode
from airflow_provider_mj.gateway.rowwise import rows
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.gateway.shown import Secret, shown_url
from airflow_provider_mj.gateway.time_limits import limited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_mj.gateway.settings import GatewaySettings

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer beyond which it is refused: 200 whole tasks take less than 1 MiB."""
MAX_LIST = 256 * 1024 * 1024
"""Bytes of a list that is read row by row: 8,000 tasks of novicezk/midjourney-proxy take 9.4 MiB."""

# Some gateways' firewalls refuse requests without a user agent.
USER_AGENT = f"airflow-provider-mj/{__version__}"
ATTEMPTS = 4
_OK = 200
_CHUNK = 65536
# Characters of an answer in which its meaning is looked for where it is no JSON, and that are shown.
_SHOWN = 4096


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call to be made.

    :param ask: what kind of call it is.
    :param method: the HTTP method.
    :param path: path below the API's address, quoted; from the gateway's root if it begins with a slash.
    :param fits: tells whether an answer is the one that was asked for.
    :param json: the body, if there is one.
    :param mj_task_id: the task it is about, for messages.
    :param read_object: makes of each JSON object in the answer what is kept of it; None keeps all.
    :param listed: under which key the answer has a list of rows, if it is an object with one.
    :param read_rows: makes of the rows of a long list what is kept of them, while they come.
    :param timeout: seconds for the whole call, all attempts together; the connection's own if None.
    :param attempts: how often to try at most; the transport's own number if None.
    """

    ask: Ask
    method: str
    path: str
    fits: Callable[[Answer], bool]
    json: Any = None
    mj_task_id: str | None = None
    read_object: Callable[[dict[str, Any]], object] | None = None
    listed: str = ""
    read_rows: Callable[[Iterator[Any]], object] | None = None
    timeout: float | None = None
    attempts: int | None = None


class KeyAuth(AuthBase):
    """Puts the key into its one header. Without an auth of ours, requests would look for one in ~/.netrc."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to a request."""
        if self._settings.key:
            name, value = self._settings.auth_scheme.header(self._settings.key)
            request.headers[name] = value
        return request


class _Session(requests.Session):
    """A session that follows no redirect; requests' own would read the whole body of one, however large."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, ExchangeAdapter())

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Follow none: it could carry the key to another host; requests drops only one of the headers."""
        return None


class Transport:
    """Sends requests to one gateway.

    :param settings: where it is and how to talk to it.
    :param attempts: how often to try at most.
    :param sleep: waits between two attempts, given seconds.
    :param heard: is told each answer that came, whatever it is, with what was asked.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        attempts: int,
        sleep: Callable[[float], None] = time.sleep,
        heard: Callable[[Request, Answer], object] = lambda *_: None,
    ) -> None:
        self._attempts = attempts
        self._heard = heard
        self._settings = settings
        self._sleep = sleep
        self._session = _Session()
        self._secret = Secret(settings.key)

    def send(self, request: Request) -> Answer:
        """Send a request, again after a failure that leaves no doubt that this is safe.

        A read is repeated when the connection failed or the gateway is busy, and a submission only when no
        connection could be made, so that it surely did not arrive. Retry-After is kept to, unless it asks for
        longer than a read may take: then the caller decides. All attempts share one time limit.

        :returns: the answer, which fits the request.
        :raises GatewayError: of the class that the last failure or answer means.
        """
        seconds = limited(request.timeout or self._settings.read_timeout)
        most = request.attempts or self._attempts
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: _is_repeatable(request.ask, error)),
            wait=_wait_seconds,
            stop=tenacity.stop_after_attempt(most) | tenacity.stop_before_delay(seconds),
            sleep=self._sleep,
            reraise=True,
        )
        return attempts(self._attempt, request, time.monotonic() + seconds)

    def close(self) -> None:
        """Close the connections that are kept for later reads."""
        self._session.close()

    def _attempt(self, request: Request, deadline: float) -> Answer:
        # A caller may be handling an error of another call: that is no cause of what happens here.
        before = sys.exception()
        exchange = Exchange(
            deadline=deadline,
            connect_timeout=self._settings.connect_timeout,
            max_bytes=MAX_LIST if request.read_rows else MAX_ANSWER,
        )
        try:
            # A kept connection may have been closed by the gateway, and a submission that finds it closed
            # could not tell whether it arrived: each submission has a connection of its own.
            if request.ask is Ask.SUBMIT:
                with _Session() as session:
                    answer = self._exchange(session, request, exchange)
            else:
                answer = self._exchange(self._session, request, exchange)
        except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            raise self._unreachable(request, error, before, exchange.phase) from None
        self._heard(request, answer)
        if not request.fits(answer):
            gateway = self._settings.gateway
            raise error_for(request.ask, answer, gateway=gateway, mj_task_id=request.mj_task_id)
        return answer

    def _exchange(self, session: requests.Session, request: Request, exchange: Exchange) -> Answer:
        with exchange:
            response = session.request(
                request.method,
                self._url(request.path),
                json=request.json,
                headers={
                    "User-Agent": USER_AGENT,
                    "Accept": "application/json",
                    "Accept-Encoding": ACCEPTED,
                    # A list out of a cache would say that a submission is not there.
                    "Cache-Control": "no-cache",
                },
                auth=KeyAuth(self._settings),
                # The exchange keeps the time; these are what urllib3 sets before the exchange is asked.
                timeout=(self._settings.connect_timeout, request.timeout or self._settings.read_timeout),
                verify=self._settings.verify,
                allow_redirects=False,
                stream=True,
            )
        address, date = _address(response), date_seconds(response.headers.get("Date"))
        with response:
            coding = response.headers.get("Content-Encoding", "")
            # Not by the library: depending on its version, it unpacks a piece whole, however large.
            if request.read_rows and response.status_code == _OK:
                begin, pieces = _begin(plain(_pieces(response, exchange), coding, MAX_LIST))
                if begin == b"[":
                    read = request.read_rows(cleaned_rows(rows(pieces), self._secret))
                    return Answer(_OK, "", read, is_json=True, is_read=True, date=date, address=address)
            else:
                pieces = plain(_pieces(response, exchange), coding, MAX_ANSWER)
            # Not masked before it is decoded: a key may be written in ways that only decoding undoes.
            text = _joined(pieces).decode("utf-8-sig", "replace")
        return replace(self._answer(request, response, text), date=date, address=address)

    def _url(self, path: str) -> str:
        return f"{self._settings.origin}{path}" if path[:1] == "/" else f"{self._settings.base_url}/{path}"

    def _answer(self, request: Request, response: requests.Response, text: str) -> Answer:
        text = text.strip()
        retry_after = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
        if response.is_redirect:
            shown = f"Location: {self._location(response.headers['Location'])}"
            return Answer(response.status_code, shown, retry_after=retry_after)
        try:
            body, is_json = decode(text, request.read_object, self._secret, request.listed), True
        except ValueError:
            body, is_json = None, False
        start = self._secret.start(text, _SHOWN)
        return Answer(response.status_code, start, body, is_json=is_json, retry_after=retry_after)

    def _location(self, location: str) -> str:
        try:
            return shown_url(urljoin(self._settings.base_url, self._secret.masked(location.strip())))
        except ValueError:
            return "an address that can't be read"

    def _unreachable(
        self, request: Request, error: Exception, before: BaseException | None, phase: Phase
    ) -> GatewayError:
        kind, what = _failure(error, before, phase)
        if issubclass(kind, NoConnectionError):
            said = self._secret.start(str(error), _SHOWN)
            return kind(what, gateway=self._settings.gateway, mj_task_id=request.mj_task_id, said=said)
        return self._doubtful(request, kind, what)

    def _doubtful(self, request: Request, kind: type[GatewayError], what: str) -> GatewayError:
        """Of a submission that may have arrived, nobody knows whether it was paid."""
        kind = SubmissionUnknownError if request.ask is Ask.SUBMIT else kind
        return kind(what, gateway=self._settings.gateway, mj_task_id=request.mj_task_id)


def _pieces(response: requests.Response, exchange: Exchange) -> Iterator[bytes]:
    while piece := response.raw.read(_CHUNK, decode_content=False):
        yield piece
        # Where no connection of ours is, none looks at the time.
        _ = exchange.seconds_left


def _begin(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Give the first sign of a body that is no blank, and all of its pieces."""
    head = bytearray()
    while not (begin := head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]) and len(head) < _CHUNK:
        piece = next(pieces, None)
        if piece is None:
            break
        head += piece
    return bytes(begin), itertools.chain([bytes(head)], pieces)


def _joined(pieces: Iterator[bytes]) -> bytearray:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_ANSWER:
            raise TooLongError(f"over {MAX_ANSWER} bytes")
    return body


def _address(response: requests.Response) -> str:
    """Give the IP address at the other end of a connection that is still open."""
    sock = getattr(getattr(response.raw, "_connection", None), "sock", None)
    try:
        return str(sock.getpeername()[0]) if sock else ""
    except (OSError, AttributeError, IndexError):
        return ""


def _is_repeatable(ask: Ask, error: BaseException) -> bool:
    if isinstance(error, CertificateError):
        return False
    if ask is Ask.SUBMIT:
        return isinstance(error, NoConnectionError)
    return isinstance(error, GatewayUnreachableError | GatewayBusyError)


def _wait_seconds(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, GatewayError) else None
    backoff = tenacity.wait_random_exponential(multiplier=0.5, max=10)(state)
    return backoff if asked is None else asked + backoff


def _failure(error: Exception, before: BaseException | None, phase: Phase) -> tuple[type[GatewayError], str]:
    """Tell what a failed exchange was. What matters is whether the request can have arrived.

    Only the phase tells that. The same class of error comes from a handshake, in which nothing was sent yet,
    and from reading an answer, when the request was read long ago.
    """
    found = tuple(causes(error, before))
    for fits, kind, what in _FAILURES:
        if _may_be(kind, phase) and any(fits(cause) for cause in found):
            return kind, what
    if phase is Phase.BEFORE:
        return NoConnectionError, "no connection could be made"
    return GatewayUnreachableError, f"the connection broke ({type(error).__name__})"


def _may_be(kind: type[GatewayError], phase: Phase) -> bool:
    if issubclass(kind, NoConnectionError):
        return phase is not Phase.SENDING
    return phase is not Phase.BEFORE


def is_bad_certificate(cause: BaseException) -> bool:
    """Tell whether a handshake failed for what the other side showed, or because it speaks no TLS."""
    return isinstance(cause, ssl.SSLCertVerificationError) or (
        isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None) in _NO_TLS
    )


def _is_missing_bundle(cause: BaseException) -> bool:
    # What requests says of a `verify` path without a file, before it connects, is an OSError and no more.
    return type(cause) is OSError and "invalid path" in str(cause)


def _is_unreadable(cause: BaseException) -> bool:
    # Headers that no library can parse, such as a Location that is no address.
    return isinstance(cause, ValueError) and not isinstance(cause, OSError | urllib3.exceptions.HTTPError)


def _is_one_of(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda cause: isinstance(cause, kinds)


# How OpenSSL names an answer that is no TLS; which of them depends on its version.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
_NOT_CONNECTED = (
    requests.ConnectTimeout,
    requests.exceptions.InvalidURL,
    urllib3.exceptions.LocationValueError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)
# The first row that fits one of the causes decides; the classes of libraries overlap.
_FAILURES: tuple[tuple[Callable[[BaseException], bool], type[GatewayError], str], ...] = (
    (_is_missing_bundle, CertificateError, "its TLS certificate can't be checked"),
    (is_bad_certificate, CertificateError, "its TLS certificate is not accepted"),
    (_is_one_of(urllib3.exceptions.NameResolutionError), NoConnectionError, "there is no such host"),
    (_is_one_of(*_NOT_CONNECTED), NoConnectionError, "no connection could be made"),
    (
        _is_one_of(requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        GatewayUnreachableError,
        "it did not answer in time",
    ),
    (
        _is_one_of(ssl.SSLError, urllib3.exceptions.SSLError),
        GatewayUnreachableError,
        "TLS failed after the request was sent",
    ),
    (_is_one_of(TooLongError, TooMuchError), UnexpectedAnswerError, f"the answer is over {MAX_ANSWER} bytes"),
    (_is_one_of(CodingError), UnexpectedAnswerError, "its answer is packed, and can't be unpacked"),
    (_is_unreadable, UnexpectedAnswerError, "its answer can't be read"),
)
