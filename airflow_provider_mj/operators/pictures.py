"""Pictures on their way from a DAG author to a gateway."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.download import download
from airflow_provider_mj.images import MAX_BYTES, data_uri

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_mj.hooks.mj import MJHook


def data_uris(pictures: Iterable[Any], hook: MJHook, max_side: int | None) -> list[str]:
    """Give pictures in the form that every gateway takes.

    :param pictures: URLs, paths, ``ObjectStoragePath``, bytes or data URIs.
    :param hook: its connection says from where pictures may be fetched.
    :param max_side: pixels to which the longer side is reduced; None leaves them as they are.
    :raises ImageInputError: when one can't be read, or is no picture.
    :raises DownloadError: when a URL can't be fetched.
    """
    settings = hook.client.settings
    fetch = partial(
        download,
        max_bytes=MAX_BYTES,
        allow_private=settings.allow_private_image_hosts,
        own_host=settings.gateway,
        verify=settings.verify,
    )
    return [data_uri(one, max_side=max_side, download=fetch) for one in pictures]
