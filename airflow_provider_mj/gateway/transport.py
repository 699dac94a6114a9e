"""One request path: auth, time limits, retries, and reading an answer that nobody vouches for."""

from __future__ import annotations

import json
import ssl
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import requests
import tenacity
import urllib3
from requests.auth import AuthBase

from airflow_provider_mj import __version__
from airflow_provider_mj.gateway.errors import (
    Answer,
    Ask,
    CertificateError,
    GatewayBusyError,
    GatewayError,
    GatewayUnreachableError,
    NoConnectionError,
    SubmissionUnknownError,
    UnexpectedAnswerError,
    error_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_mj.gateway.settings import GatewaySettings

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer beyond which it is refused: 200 whole tasks take less than 1 MiB."""

# Some gateways' firewalls refuse requests without a user agent.
USER_AGENT = f"airflow-provider-mj/{__version__}"
ATTEMPTS = 4
_CHUNK = 65536
_MAX_RETRY_AFTER = 86400.0
# Shorter texts can't be cut out of an answer without hurting it; Airflow's own masking has the same bound.
_MIN_SECRET = 5


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call to be made.

    :param ask: what kind of call it is.
    :param method: the HTTP method.
    :param path: path below the API's address, quoted.
    :param fits: tells whether an answer is the one that was asked for.
    :param json: the body, if there is one.
    :param mj_task_id: the task it is about, for messages.
    :param read_object: makes of each JSON object in the answer what is kept of it; None keeps all.
    :param timeout: seconds for the whole answer; the connection's own if None.
    :param attempts: how often to try at most; the transport's own number if None.
    """

    ask: Ask
    method: str
    path: str
    fits: Callable[[Answer], bool]
    json: Any = None
    mj_task_id: str | None = None
    read_object: Callable[[dict[str, Any]], object] | None = None
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

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Follow none: it could carry the key to another host; requests drops only one of the headers."""
        return None


class Transport:
    """Sends requests to one gateway.

    :param settings: where it is and how to talk to it.
    :param attempts: how often to try at most.
    :param sleep: waits between two attempts, given seconds.
    """

    def __init__(
        self, settings: GatewaySettings, *, attempts: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._attempts = attempts
        self._settings = settings
        self._sleep = sleep
        self._session = _Session()

    def send(self, request: Request) -> Answer:
        """Send a request, again after a failure that leaves no doubt that this is safe.

        A read is repeated when the connection failed or the gateway is busy, and a submission only when no
        connection could be made, so that it surely did not arrive. Retry-After is kept to, unless it asks for
        longer than a read may take: then the caller decides.

        :returns: the answer, which fits the request.
        :raises GatewayError: of the class that the last failure or answer means.
        """
        budget = self._settings.read_timeout
        most = request.attempts or self._attempts
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: _is_repeatable(request.ask, error)),
            wait=_wait_seconds,
            stop=tenacity.stop_after_attempt(most) | tenacity.stop_before_delay(budget),
            sleep=self._sleep,
            reraise=True,
        )
        return attempts(self._attempt, request)

    def close(self) -> None:
        """Close the connections that are kept for later reads."""
        self._session.close()

    def _attempt(self, request: Request) -> Answer:
        # A caller may be handling an error of another call: that is no cause of what happens here.
        before = sys.exception()
        try:
            # A kept connection may have been closed by the gateway, and a submission that finds it closed
            # could not tell whether it arrived: each submission has a connection of its own.
            if request.ask is Ask.SUBMIT:
                with _Session() as session:
                    answer = self._exchange(session, request)
            else:
                answer = self._exchange(self._session, request)
        except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
            raise self._unreachable(request, error, before) from None
        if not request.fits(answer):
            gateway = self._settings.gateway
            raise error_for(request.ask, answer, gateway=gateway, mj_task_id=request.mj_task_id)
        return answer

    def _exchange(self, session: requests.Session, request: Request) -> Answer:
        seconds = request.timeout or self._settings.read_timeout
        response = session.request(
            request.method,
            f"{self._settings.base_url}/{request.path}",
            json=request.json,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            auth=KeyAuth(self._settings),
            timeout=(self._settings.connect_timeout, seconds),
            verify=self._settings.verify,
            allow_redirects=False,
            stream=True,
        )
        with response:
            text = self._body_text(request, response, time.monotonic() + seconds)
        return self._answer(request, response, text)

    def _body_text(self, request: Request, response: requests.Response, deadline: float) -> str:
        body = bytearray()
        # read1 gives what has come so far, so that a body that drips can't outlast the deadline.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_ANSWER:
                raise self._doubtful(request, UnexpectedAnswerError, f"the answer is over {MAX_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise requests.ReadTimeout("the answer did not end in time")
        return self._without_key(body.decode("utf-8-sig", "replace"))

    def _answer(self, request: Request, response: requests.Response, text: str) -> Answer:
        if response.is_redirect:
            text = f"Location: {_without_secrets(response.headers['Location'])}"
        retry_after = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
        try:
            body = json.loads(text, parse_constant=lambda _: None, object_hook=request.read_object)
            is_json = True
        except (ValueError, RecursionError):
            body, is_json = None, False
        return Answer(response.status_code, text, body, is_json=is_json, retry_after=retry_after)

    def _unreachable(self, request: Request, error: Exception, before: BaseException | None) -> GatewayError:
        kind, what = _failure(error, before)
        if issubclass(kind, NoConnectionError):
            said = self._without_key(str(error))
            return kind(what, gateway=self._settings.gateway, mj_task_id=request.mj_task_id, said=said)
        return self._doubtful(request, kind, what)

    def _doubtful(self, request: Request, kind: type[GatewayError], what: str) -> GatewayError:
        """Of a submission that may have arrived, nobody knows whether it was paid."""
        kind = SubmissionUnknownError if request.ask is Ask.SUBMIT else kind
        return kind(what, gateway=self._settings.gateway, mj_task_id=request.mj_task_id)

    def _without_key(self, text: str) -> str:
        key = self._settings.key
        return text.replace(key, "***") if len(key) >= _MIN_SECRET else text


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, which holds seconds or a date.

    :param value: the header; None if there was none.
    :param now: the time to count from, with a time zone.
    :returns: seconds from 0 to a day, or None where it can't be read.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    # HTTP dates are in GMT, whether the header says so or leaves the zone out.
    seconds = ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER)


def _without_secrets(url: str) -> str:
    """Cut user, password, query and fragment off an address."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


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


def _failure(error: Exception, before: BaseException | None) -> tuple[type[GatewayError], str]:
    """Tell what a failed exchange was: whether it can have arrived is what matters."""
    causes = tuple(_causes(error, before))
    for fits, kind, what in _FAILURES:
        if any(fits(cause) for cause in causes):
            return kind, what
    return GatewayUnreachableError, f"the connection broke ({type(error).__name__})"


def _is_bad_certificate(cause: BaseException) -> bool:
    """Only failures of the handshake: later TLS errors may come after the request was read."""
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
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)
# The first row that fits one of the causes decides; the classes of libraries overlap.
_FAILURES: tuple[tuple[Callable[[BaseException], bool], type[GatewayError], str], ...] = (
    (_is_missing_bundle, CertificateError, "its TLS certificate can't be checked"),
    (_is_bad_certificate, CertificateError, "its TLS certificate is not accepted"),
    (_is_one_of(urllib3.exceptions.NameResolutionError), NoConnectionError, "there is no such host"),
    (_is_one_of(*_NOT_CONNECTED), NoConnectionError, "no connection could be made"),
    (
        _is_one_of(requests.Timeout, urllib3.exceptions.TimeoutError),
        GatewayUnreachableError,
        "it did not answer in time",
    ),
    (_is_unreadable, UnexpectedAnswerError, "its answer can't be read"),
)


def _causes(error: BaseException, before: BaseException | None = None) -> Iterator[BaseException]:
    """Give an exception and all it was made of; urllib3 hides some in ``reason`` and in the arguments.

    :param before: what was being handled before; it and its causes are left out.
    """
    queue: list[Any] = [error]
    seen: set[int] = {id(before)}
    while queue:
        cause = queue.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        queue += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
