from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from airflow_provider_mj.gateway.codings import CodingError, TooLongError, unpacked

DATA = b'{"id": "17"}' * 100
MIB = 1024 * 1024


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


def zipped(data: bytes) -> bytes:
    """Pack without the time, which would be part of the names of tests."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("coding", "data"),
    [
        *[("", DATA), ("identity", DATA), (" , ", DATA), ("deflate", zlib.compress(DATA))],
        *[
            ("gzip", zipped(DATA)),
            ("X-GZIP", zipped(DATA)),
            ("deflate", bare(DATA)),
        ],
        *[
            ("gzip", zipped(DATA[:70]) + zipped(DATA[70:])),
            ("deflate", bare(DATA) + b"\0"),
        ],
        *[("gzip", zipped(DATA) + bytes(20)), ("deflate", zlib.compress(DATA, 0))],
    ],
)
def test_a_body_is_unpacked_whatever_its_pieces(coding, data, size):
    assert unpacked(pieces(data, size), coding, len(DATA)) == DATA


@pytest.mark.parametrize("coding", ["", "gzip", "deflate"])
def test_no_bytes_are_no_body(coding):
    assert unpacked([], coding, 10) == b""


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bare, bytes])
def test_as_many_bytes_as_wanted_and_not_one_more(pack):
    coding = {gzip.compress: "gzip", bytes: ""}.get(pack, "deflate")
    assert len(unpacked([pack(bytes(1000))], coding, 1000)) == 1000
    with pytest.raises(TooLongError):
        unpacked([pack(bytes(1001))], coding, 1000)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bare])
def test_a_bomb_takes_no_more_memory_than_is_wanted(pack):
    bomb = pack(bytes(64 * MIB))
    assert len(bomb) < 70_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLongError):
            unpacked([bomb], "gzip" if pack is gzip.compress else "deflate", MIB)
        assert tracemalloc.get_traced_memory()[1] < 3 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, deflate", "x" * 1000, "\x00"])
def test_another_coding_is_refused(coding):
    with pytest.raises(CodingError):
        unpacked([DATA], coding, len(DATA))
