"""Downloads of pictures with the limits that most tests want."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.download import Downloader, download

if TYPE_CHECKING:
    from collections.abc import Iterator

    from image_host import Site

MIB = 1024 * 1024


@contextmanager
def stream(url: str, *, max_bytes: int, **rules: Any) -> Iterator[Any]:
    with (
        Downloader(**rules) as downloader,
        downloader.stream(url, max_bytes=max_bytes, timeout=10) as picture,
    ):
        yield picture


def fetch(site: Site, path: str, **options: Any) -> bytes:
    return download(
        site.url(path), **{"max_bytes": MIB, "own_origin": site.url(""), "timeout": 10.0} | options
    )


def take(downloader: Downloader, url: str, **more: Any) -> bytes:
    with downloader.stream(url, **{"max_bytes": MIB, "timeout": 10} | more) as picture:
        return b"".join(picture.chunks)
