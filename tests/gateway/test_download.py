"""What comes of a picture, and what becomes of the connection it came by."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from fetching import MIB, fetch, stream, take
from image_host import PICTURE

from airflow_provider_mj.gateway.download import (
    Downloader,
    DownloadError,
    DownloadFailedError,
    LinkExpiredError,
    TooLargeError,
    download,
)

pytestmark = pytest.mark.usefixtures("no_proxies")


def test_a_picture_is_fetched_whole(site):
    assert fetch(site, "picture") == PICTURE


def test_a_picture_comes_in_pieces_with_its_type(site):
    with stream(site.url("picture"), max_bytes=MIB, allow_private=True) as picture:
        assert picture.content_type == "image/png"
        assert b"".join(picture.chunks) == PICTURE


@pytest.mark.parametrize("path", ["endless", "huge", "picture"])
def test_more_bytes_than_wanted_are_refused(site, path):
    with pytest.raises(TooLargeError, match="over 1000 bytes") as caught:
        fetch(site, path, max_bytes=1000)
    assert not caught.value.retry_helps


def test_as_many_bytes_as_wanted_are_taken(site):
    assert fetch(site, "picture", max_bytes=len(PICTURE)) == PICTURE
    with pytest.raises(TooLargeError):
        fetch(site, "picture", max_bytes=len(PICTURE) - 1)


def test_a_length_over_the_limit_is_refused_before_anything_is_read(site):
    with pytest.raises(TooLargeError), stream(site.url("huge"), max_bytes=MIB, own_origin=site.url("")):
        pytest.fail("it was opened")


def test_a_body_that_ends_too_early_is_a_failure(site):
    with pytest.raises(DownloadFailedError):
        fetch(site, "cut")


def test_bytes_after_the_promised_length_are_not_taken(site):
    assert fetch(site, "short") == PICTURE[:10]


@pytest.mark.parametrize("where", ["body", "headers"])
def test_a_slow_drip_ends_at_the_time_limit(site, where):
    started = time.monotonic()
    with pytest.raises(DownloadFailedError, match="in time"):
        fetch(site, f"drip/{where}", timeout=0.3)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *[(f"status/{status}", LinkExpiredError) for status in (403, 404, 410)],
        *[(f"gone/{status}", LinkExpiredError) for status in (200, 400, 500)],
        *[(f"status/{status}", DownloadFailedError) for status in (201, 206, 204, 400, 401, 429, 500, 503)],
        *[("packed", DownloadFailedError), ("cut", DownloadFailedError)],
    ],
)
def test_answers_that_are_no_picture(site, path, kind):
    with pytest.raises(DownloadError) as caught:
        fetch(site, f"{path}?ex=1&hm=signature")
    assert type(caught.value) is kind
    assert caught.value.retry_helps is (kind is DownloadFailedError)
    assert f"picture http://{site.host}/{path}: " in str(caught.value)
    assert "signature" not in f"{caught.value} {caught.value!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "coding",
    [
        *["", " ", "identity", "Identity,", "aws-chunked", "aws-chunked,", "utf-8", "binary", "none", "null"],
        # The first bytes are those of a picture, whatever is said of them.
        *["gzip", "br", "aws-chunked, gzip"],
    ],
)
def test_bytes_that_are_a_picture_are_taken_whatever_coding_is_named(site, coding):
    assert fetch(site, f"named/{quote(coding, safe='')}") == PICTURE


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "aws-chunked,br"]
)
def test_bytes_that_are_packed_are_not_taken(site, coding):
    with pytest.raises(DownloadFailedError, match="packs it"):
        fetch(site, f"packed/{quote(coding, safe='')}")


def test_a_page_is_handed_on_for_the_caller_to_judge(site):
    with stream(site.url("page"), max_bytes=MIB, own_origin=site.url("")) as picture:
        assert (picture.content_type, b"".join(picture.chunks)) == ("text/html", b"<html>")


def test_what_fails_in_the_callers_hands_is_the_callers(site):
    with (
        pytest.raises(OSError, match="disk full"),
        stream(site.url("picture"), max_bytes=MIB, own_origin=site.url("")),
    ):
        raise OSError("disk full")


def test_a_host_that_speaks_no_tls_is_a_failure(plain_server):
    with pytest.raises(DownloadFailedError, match="TLS"):
        download(plain_server.replace("http:", "https:"), max_bytes=MIB, allow_private=True)


def test_a_connection_is_kept_for_what_follows(site):
    with Downloader(own_origin=site.url("")) as downloader:
        pictures = [take(downloader, site.url(path)) for path in ("picture", "chunked", "picture", "picture")]
    assert set(pictures) == {PICTURE}
    assert site.connections == 1


def test_a_kept_connection_that_turns_out_to_be_closed_is_made_anew(site):
    with Downloader(own_origin=site.url("")) as downloader:
        assert [take(downloader, site.url("once")) for _ in range(3)] == [PICTURE] * 3
    assert (len(site.asked), site.connections) == (5, 3)


def test_a_host_that_hangs_up_at_once_is_asked_once(site):
    with pytest.raises(DownloadFailedError):
        fetch(site, "hangup")
    assert len(site.asked) == 1


def test_what_was_not_taken_to_its_end_leaves_no_connection(site):
    with Downloader(own_origin=site.url("")) as downloader:
        with pytest.raises(TooLargeError):
            take(downloader, site.url("picture"), max_bytes=100)
        with pytest.raises(LinkExpiredError):
            take(downloader, site.url("status/404"))
        assert take(downloader, site.url("picture")) == PICTURE


def test_each_download_has_its_own_time(site):
    with Downloader(own_origin=site.url("")) as downloader:
        with pytest.raises(DownloadFailedError, match="in time"):
            take(downloader, site.url("drip"), timeout=0.3)
        assert take(downloader, site.url("picture"), timeout=5) == PICTURE


def test_a_cookie_is_never_sent_back(site):
    with Downloader(own_origin=site.url("")) as downloader:
        for _ in range(2):
            take(downloader, site.url("cookie"))
    assert not [headers for _, headers in site.asked if "Cookie" in headers]
