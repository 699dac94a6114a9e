"""Pictures on their way from a DAG author to a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.download import Downloader
from airflow_provider_mj.images import MAX_BYTES, data_uri
from airflow_provider_mj.keeping.decoder import Decoder
from airflow_provider_mj.keeping.sources import rewritten

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_mj.hooks.mj import MJHook


def data_uris(pictures: Iterable[Any], hook: MJHook, max_side: int | None) -> list[str]:
    """Give pictures in the form that every gateway takes.

    :param pictures: URLs, paths, ``ObjectStoragePath``, bytes or data URIs.
    :param hook: its connection says from where pictures may be fetched: ``image_host`` as for what is saved,
        since the link of an earlier task is an input like any other.
    :param max_side: pixels to which the longer side is reduced; None leaves them as they are.
    :raises ImageInputError: when one can't be read, or is no picture.
    :raises DownloadError: when a URL can't be fetched.
    """
    settings = hook.client.settings
    with Downloader.of(settings) as downloader, Decoder() as decoder:

        def fetch(url: str) -> bytes:
            there = rewritten(url, settings.image_host, settings.base_url)
            return downloader.fetch(there, max_bytes=MAX_BYTES)

        return [data_uri(one, max_side=max_side, download=fetch, decoder=decoder) for one in pictures]
