"""What a DAG author has as a picture, made into the one form that every gateway takes: a data URI."""

from __future__ import annotations

import base64
import os
import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import unquote

from airflow_provider_mj.gateway.shown import quote, shown_url
from airflow_provider_mj.keeping.media import BadPictureError, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_mj.keeping.decoder import Decoder
    from airflow_provider_mj.keeping.structure import Structure

    ImageInput = str | os.PathLike[str] | ObjectStoragePath | bytes | bytearray | memoryview
    """An http or https URL, a data URI, a path (local, or of an object storage), or the bytes themselves."""

MAX_BYTES = 10 * 1024 * 1024
"""Bytes of a picture beyond which it is refused, unless the caller says otherwise."""
_MIMES = re.compile(r"data:(image/[a-z0-9.+-]{1,20})[;,]", re.IGNORECASE)
# How the base64 of a PNG, JPEG, GIF and WebP begins.
_BASE64_STARTS = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR")
_LONG_NAME = 200


class ImageInputError(ValueError):
    """A picture can't be used as it was given; the message names its source, and shows none of it."""


def data_uri(
    image: ImageInput,
    *,
    max_bytes: int = MAX_BYTES,
    max_side: int | None = None,
    download: Callable[[str], bytes] | None = None,
    decoder: Decoder | None = None,
) -> str:
    """Make the data URI of a picture, as gateways want it: ``data:image/png;base64,...``.

    Its type is told by its first bytes, since names, hosts and data URIs are often wrong about it.

    :param image: an http or https URL, a data URI, a path on this machine, the path of an object storage
        (``s3://conn@bucket/key``, or an ``ObjectStoragePath``), or the bytes themselves.
    :param max_bytes: the most bytes that are taken, counted before base64 and before it is made smaller.
    :param max_side: pixels to which the longer side is reduced, from 1; needs Pillow. A picture that fits is
        left as it is; one that does not loses its metadata, and all but its first frame.
    :param download: fetches a URL; by default only from the public internet.
    :param decoder: makes it smaller, in another process; one serves several pictures. By default a new one.
    :returns: the data URI, with standard base64 in one line.
    :raises ImageInputError: when it can't be read, is too large, or is no PNG, JPEG, WebP or GIF.
    :raises DownloadError: when a URL can't be fetched.
    """
    name = describe_source(image)
    data = _read(image, name, max_bytes, download)
    if len(data) > max_bytes:
        raise ImageInputError(f"{name}: the picture is over {max_bytes} bytes")
    kind = kind_of(data)
    if kind is None:
        raise ImageInputError(f"{name}: this is no PNG, JPEG, WebP or GIF picture")
    if max_side is not None:
        data, kind = _reduced(data, kind, max_side, name, decoder)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def is_url(image: object) -> TypeGuard[str]:
    """Tell whether a picture is given by an http or https URL."""
    return isinstance(image, str) and image.lstrip()[:8].lower().startswith(("http://", "https://"))


def describe_source(image: object) -> str:
    """Name a picture for messages and logs: short, without its bytes, credentials and a URL's query."""
    if isinstance(image, bytes | bytearray | memoryview):
        return f"{memoryview(image).nbytes} bytes"
    if not isinstance(image, str) and not _is_path(image):
        return f"a {type(image).__name__}"
    text = str(image)
    if _is_data_uri(text):
        mime = _MIMES.match(text.lstrip()[:40])
        return f"{mime[1].lower() if mime else 'unnamed'} data URI, {_kib(text.partition(',')[2])}"
    if "://" in text[:_LONG_NAME]:
        return shown_url(text)
    if _is_base64(text):
        return f"text that looks like base64, {_kib(text)}"
    return f"local file {quote(os.path.basename(text.rstrip('/'))) or '(unnamed)'}"


def _is_data_uri(text: str) -> bool:
    return text.lstrip()[:5].lower() == "data:"


def _is_base64(text: str) -> bool:
    """Tell base64 without ``data:`` from a path, which usually has a dot; it must not get into a message."""
    return "." not in text and (text.startswith(_BASE64_STARTS) or len(text) > _LONG_NAME)


def _is_path(image: object) -> bool:
    # An ObjectStoragePath is a PathLike in some versions of Airflow, and in others only looks like one.
    return isinstance(image, os.PathLike) or (hasattr(image, "open") and hasattr(image, "protocol"))


def _kib(base64_text: str) -> str:
    return f"{max(1, round(len(base64_text) * 3 / 4 / 1024))} KiB"


def _read(image: object, name: str, max_bytes: int, fetch: Callable[[str], bytes] | None) -> bytes:
    """Give the bytes of a picture, or a few of them too many where there are more than ``max_bytes``."""
    if isinstance(image, bytes | bytearray | memoryview):
        view = memoryview(image)
        if view.nbytes > max_bytes:
            raise ImageInputError(f"{name}: the picture is over {max_bytes} bytes")
        return bytes(view)
    if is_url(image):
        return _fetch(image.strip(), max_bytes) if fetch is None else fetch(image.strip())
    if isinstance(image, str) and _is_data_uri(image):
        return _decode(image, name, max_bytes)
    if isinstance(image, str) and _is_base64(image):
        raise ImageInputError(f"{name}: put `data:image/png;base64,` before it, or give the bytes themselves")
    return _read_file(image, name, max_bytes)


def _fetch(url: str, max_bytes: int) -> bytes:
    from airflow_provider_mj.gateway.download import download

    return download(url, max_bytes=max_bytes)


def _decode(uri: str, name: str, max_bytes: int) -> bytes:
    header, _, payload = uri.partition(",")
    if not header.rstrip().lower().endswith(";base64"):
        raise ImageInputError(f"{name}: only data URIs with ;base64 are taken")
    # Other writers break lines, escape signs, use the alphabet for addresses, and leave out the padding.
    text = "".join(unquote(payload).split()).replace("-", "+").replace("_", "/").rstrip("=")
    if len(text) * 3 // 4 > max_bytes:
        raise ImageInputError(f"{name}: the picture is over {max_bytes} bytes")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ImageInputError(f"{name}: its base64 is broken") from None


def _read_file(image: object, name: str, max_bytes: int) -> bytes:
    try:
        with _path(image, name).open("rb") as file:
            data: bytes = file.read(max_bytes + 1)
            return data
    except ImageInputError:
        raise
    except ImportError as error:
        raise ImageInputError(f"{name}: its storage needs another package ({quote(str(error))})") from None
    except (FileNotFoundError, NotADirectoryError):
        raise ImageInputError(f"{name}: there is no such file") from None
    except (IsADirectoryError, PermissionError) as error:
        raise ImageInputError(f"{name}: it can't be read ({error.strerror or 'not allowed'})") from None
    except ValueError:
        raise ImageInputError(f"{name}: Airflow does not know this kind of storage") from None


def _path(image: object, name: str) -> Path | ObjectStoragePath:
    if isinstance(image, str) and "://" not in image:
        return _local_file(image, name)
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if isinstance(image, str):
        return ObjectStoragePath(image.strip())
    if isinstance(image, ObjectStoragePath):
        return image
    if isinstance(image, os.PathLike):
        return _local_file(os.fsdecode(image), name)
    raise ImageInputError(f"{name} is no picture: give a URL, a data URI, a path, or the bytes themselves")


def _local_file(path: str, name: str) -> Path:
    # Opening a pipe would wait for ever; a device has no end.
    if not os.path.isfile(path):
        raise ImageInputError(f"{name}: there is no such file on this worker")
    return Path(path)


def _reduced(data: bytes, kind: str, max_side: int, name: str, decoder: Decoder | None) -> tuple[bytes, str]:
    """Make a picture's longer side at most ``max_side`` pixels long.

    :returns: the picture and its type, which is PNG where it was GIF.
    """
    from airflow_provider_mj.keeping.decoder import DecoderError, pillow_path
    from airflow_provider_mj.keeping.structure import Structure

    if isinstance(max_side, bool) or not isinstance(max_side, int) or max_side < 1:
        raise ImageInputError(f"max_side must be a whole number of pixels from 1, got {max_side!r}")
    if pillow_path() is None:
        raise ImageInputError("max_side needs Pillow: pip install 'airflow-provider-mj[images]'")
    try:
        structure = Structure.of(data, kind)
        if max(structure.size or ()) <= max_side:
            return data, kind
        return _decoded(data, kind, max_side, structure, decoder)
    except (BadPictureError, DecoderError) as error:
        raise ImageInputError(f"{name}: {error}") from None


def _decoded(
    data: bytes, kind: str, max_side: int, structure: Structure, decoder: Decoder | None
) -> tuple[bytes, str]:
    """Have a picture made smaller by another process, and check what comes back."""
    from airflow_provider_mj.keeping.decoder import Decoder
    from airflow_provider_mj.keeping.structure import Structure

    structure.check_decodable()
    request = {"do": "reduce", "kind": kind, "max_side": max_side}
    with Decoder() if decoder is None else nullcontext(decoder) as asked:
        made = [one for _, one in asked.ask(request, data, structure.pixels)]
    written = "png" if kind == "gif" else kind
    if len(made) != 1 or kind_of(made[0]) != written:
        raise BadPictureError("the picture is broken: what decodes it made nothing of it")
    if max(Structure.of(made[0], written).size or (0,)) != max_side:
        raise BadPictureError("the picture is broken: what decodes it made nothing of it")
    return made[0], written
