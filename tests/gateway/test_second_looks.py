"""A host that denies a picture is asked once more, since it may say so for a moment only."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from image_host import PICTURE, Site

from airflow_provider_mj.gateway.download import (
    DownloadError,
    DownloadFailedError,
    LinkExpiredError,
    download,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DENIALS = [401, 403, 404, 410]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "*")
    with Site() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.closing.set()
        server.shutdown()


def fetch(site: Site, path: str, timeout: float = 10.0) -> bytes:
    return download(site.url(path), max_bytes=1024 * 1024, own_origin=site.url(""), timeout=timeout)


@pytest.mark.parametrize("status", DENIALS)
def test_a_picture_that_is_denied_for_a_moment_is_fetched(site, status):
    assert fetch(site, f"moment/{status}") == PICTURE
    assert len(site.asked) == 2


@pytest.mark.parametrize("first", DENIALS)
@pytest.mark.parametrize(
    ("second", "kind"),
    [
        *[(403, LinkExpiredError), (404, LinkExpiredError), (410, LinkExpiredError)],
        *[(401, DownloadFailedError), (500, DownloadFailedError)],
    ],
)
def test_what_the_second_answer_says_counts(site, first, second, kind):
    with pytest.raises(DownloadError, match=f"answers {second}") as caught:
        fetch(site, f"moment/{first}-{second}")
    assert type(caught.value) is kind
    assert len(site.asked) == 2


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_what_is_no_denial_is_asked_for_once(site, status):
    with pytest.raises(DownloadFailedError):
        fetch(site, f"moment/{status}")
    assert len(site.asked) == 1


def test_a_denial_behind_a_redirect_is_asked_for_from_the_beginning(site):
    site.elsewhere = site.url("moment/404")
    assert fetch(site, "away") == PICTURE
    assert [path for path, _ in site.asked] == ["/away", "/moment/404"] * 2


def test_the_pause_leaves_time_for_the_second_look(site, monkeypatch):
    monkeypatch.setattr("airflow_provider_mj.gateway.download.SECOND_LOOK", 60.0)
    began = time.monotonic()
    assert fetch(site, "moment/404", timeout=1.0) == PICTURE
    assert 0.3 < time.monotonic() - began < 1.0


def test_a_pause_is_made(site, monkeypatch):
    monkeypatch.setattr("airflow_provider_mj.gateway.download.SECOND_LOOK", 0.3)
    began = time.monotonic()
    with pytest.raises(LinkExpiredError):
        fetch(site, "status/404")
    assert time.monotonic() - began >= 0.3
