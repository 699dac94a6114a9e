"""What others know a saved file by. No I/O."""

from __future__ import annotations


def asset_uri(uri: str) -> str:
    """Give the address that everybody knows a file by: without the connection.

    :param uri: where the file is, as ``s3://conn@bucket/pictures/17_1.png``.
    """
    scheme, place, path = _parts(uri)
    return f"{scheme}://{place}{path}".replace("?", "%3F").replace("#", "%23")


def dataset(uri: str) -> tuple[str, str]:
    """Name a file as OpenLineage does: the place, and the path in it.

    :param uri: where the file is.
    :returns: namespace and name.
    """
    scheme, place, path = _parts(uri)
    return ("file", path) if scheme == "file" else (f"{scheme}://{place}", path.lstrip("/"))


def _parts(uri: str) -> tuple[str, str, str]:
    """Give scheme, place and path; a path may hold signs that mean something in other URLs."""
    scheme, _, rest = uri.partition("://")
    place, slash, path = rest.partition("/")
    return scheme, place.rpartition("@")[2], f"{slash}{path}"
