"""An answer that ends at any of its bytes: nothing but our errors, and what is paid for stays in doubt."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from hostile import ways
from hostile.server import HostileServer

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.download import Downloader, DownloadFailedError
from airflow_provider_mj.gateway.errors import (
    GatewayError,
    GatewayUnreachableError,
    SubmissionUnknownError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Nothing of Airflow is in it: once is enough.
pytestmark = pytest.mark.wire

FORMS = sorted(ways.answers(b"x"))
UNPACKED = ("with its length", "in chunks", "after an interim answer")


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer(lambda peer: None) as running:
        yield running


@pytest.fixture
def client(server: HostileServer) -> GatewayClient:
    settings = GatewaySettings.parse(host=f"http://{server.host}", extra={"read_timeout": 20})
    return GatewayClient(settings, attempts=1)


def at_each_byte(
    server: HostileServer, body: bytes, form: str, *, reset: bool, ask: Callable[[], bool]
) -> None:
    """Break off at each byte; ``ask`` tells whether it got the whole, which it may only if all of it came."""
    answer, whole = ways.answers(body)[form]
    for place in range(len(answer) + 1):
        server.way = ways.cut(answer, place, reset=reset)
        got_it = ask()
        assert not got_it or place >= whole, place
        assert got_it or place < len(answer) or reset, place


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_read_that_breaks_off_is_an_error_and_no_missing_task(server, client, form, reset):
    errors = set()

    def ask() -> bool:
        try:
            return client.fetch("17").status == "IN_PROGRESS"
        except GatewayError as error:
            errors.add(type(error))
            return False

    at_each_byte(server, ways.TASK, form, reset=reset, ask=ask)
    assert errors
    assert errors <= {GatewayUnreachableError, UnexpectedAnswerError}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_submission_that_breaks_off_is_unknown(server, client, form, reset):
    errors = []

    def ask() -> bool:
        try:
            return client.submit("imagine", {"prompt": "a cat"}).mj_task_id == "17"
        except GatewayError as error:
            errors.append(type(error))
            return False

    at_each_byte(server, ways.TAKEN, form, reset=reset, ask=ask)
    assert set(errors) == {SubmissionUnknownError}
    # None was sent a second time.
    assert server.connections == len(ways.answers(ways.TAKEN)[form][0]) + 1


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("form", UNPACKED)
def test_a_picture_that_breaks_off_is_none(server, form, reset):
    url = f"http://{server.host}"

    def ask() -> bool:
        with Downloader(own_origin=url) as downloader:
            try:
                with downloader.stream(f"{url}/x", max_bytes=1000, timeout=20) as picture:
                    return b"".join(picture.chunks) == ways.PICTURE
            except DownloadFailedError:
                return False

    at_each_byte(server, ways.PICTURE, form, reset=reset, ask=ask)


WHOLE = ways.answers(ways.TASK)["packed, in chunks"][0]
HONEST = ways.cut(WHOLE, len(WHOLE))


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
@pytest.mark.parametrize(
    ("way", "scheme", "proxy"),
    [
        (HONEST, "http", ""),
        (ways.over_tls(HONEST), "https", ""),
        (HONEST, "http", "http"),
        (ways.over_tls(HONEST), "http", "https"),
        (ways.connected(ways.over_tls(HONEST)), "https", "http"),
    ],
)
def test_an_honest_answer_is_read_by_every_path(server, monkeypatch, way, scheme, proxy):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    server.way = way
    host = server.host
    if proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"{proxy}://{server.host}")
        host = "gw.example"
    settings = GatewaySettings.parse(host=f"{scheme}://{host}", extra={"verify": False})
    client = GatewayClient(settings, sleep=lambda _: None)
    assert client.fetch("17").status == "IN_PROGRESS"
    # The kept connection is closed by now, which a second attempt makes good.
    assert client.fetch("17").status == "IN_PROGRESS"
    client.close()


def respond(headers: bytes, body: bytes) -> ways.Way:
    whole = b"%s%s\r\nContent-Length: %d\r\n\r\n%s" % (ways.OK, headers, len(body), body)
    return ways.cut(whole, len(whole))


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZip ": gzip.compress,
    "deflate": zlib.compress,
    " deflate": bare,
    "identity": bytes,
    "": bytes,
    "identity, gzip": gzip.compress,
}


@pytest.mark.parametrize("coding", PACKINGS)
def test_what_is_packed_as_asked_for_is_read(server, client, coding):
    server.way = respond(b"Content-Encoding: " + coding.encode(), PACKINGS[coding](ways.TASK))
    assert client.fetch("17").status == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        *[("br", ways.TASK), ("zstd", ways.TASK), ("compress", ways.TASK), ("gzip, gzip", ways.TASK)],
        *[("gzip", ways.TASK), ("deflate", ways.TASK), ("gzip", gzip.compress(ways.TASK, mtime=0)[:-9])],
        *[("deflate", zlib.compress(ways.TASK)[:-5]), ("gzip,br", gzip.compress(ways.TASK, mtime=0))],
    ],
)
def test_what_is_packed_otherwise_is_unexpected_and_of_a_submission_unknown(server, client, coding, body):
    server.way = respond(b"Content-Encoding: " + coding.encode(), body)
    with pytest.raises(GatewayError, match="packed"):
        client.fetch("17")
    with pytest.raises(SubmissionUnknownError, match="packed"):
        client.submit("imagine", {"prompt": "a cat"})
