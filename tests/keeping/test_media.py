from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from drawn import COLOURS, ENDINGS, PICTURE, PNG_START, corner, gif, grid, is_near, moving, png, saved, webp
from PIL import Image

from airflow_provider_mj.keeping.boxes import Boxes
from airflow_provider_mj.keeping.decoder import Decoder
from airflow_provider_mj.keeping.grids import PillowMissingError, check_pillow
from airflow_provider_mj.keeping.grids import quarters as cut
from airflow_provider_mj.keeping.media import (
    HEAD,
    TAIL,
    BadPictureError,
    CutPictureError,
    Media,
    NoPictureError,
    is_cut,
    recognise,
)
from airflow_provider_mj.keeping.passing import Passing
from airflow_provider_mj.keeping.structure import Structure

FAITHFUL = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
JPEG_PHOTO = saved(grid(50, 30), "JPEG", icc_profile=bytes(3000), exif=b"Exif\0\0" + bytes(500))
WHOLE = [
    ("png", PICTURE),
    ("png", PICTURE + b"a note behind the picture"),
    ("jpeg", saved(grid(), "JPEG")),
    ("jpeg", saved(grid(), "JPEG", progressive=True)),
    ("jpeg", JPEG_PHOTO),
    ("webp", saved(grid(), "WEBP")),
    ("webp", saved(grid(), "WEBP", lossless=True)),
    ("webp", moving("WEBP")),
    ("gif", saved(grid(), "GIF")),
    ("gif", moving()),
]


@pytest.fixture(scope="module")
def quarters() -> Any:
    """Cut grids, all by one process."""
    with Decoder() as decoder:
        yield lambda data, media: cut(data, Structure.of(data, media.kind), media, decoder)


def dimensions(head: bytes, media: Media) -> Any:
    return Structure(media.kind).begin(head)


@pytest.mark.parametrize(
    ("head", "kind", "extension", "content_type"),
    [
        (PICTURE, "png", "png", "image/png"),
        (b"\xff\xd8\xff\xe0", "jpeg", "jpg", "image/jpeg"),
        (b"GIF87a", "gif", "gif", "image/gif"),
        (webp(3, 3), "webp", "webp", "image/webp"),
        (b"\0\0\0\x20ftypisom", "mp4", "mp4", "video/mp4"),
        (b"\x1a\x45\xdf\xa3webm", "webm", "webm", "video/webm"),
    ],
)
@pytest.mark.parametrize(
    "declared", ["", "image/png", "image/jpeg", "application/octet-stream", "text/plain"]
)
def test_the_first_bytes_tell_what_a_file_is(head, kind, extension, content_type, declared):
    media = recognise(head, declared)
    assert (media.kind, media.extension, media.content_type) == (kind, extension, content_type)


@pytest.mark.parametrize(
    ("head", "declared", "says"),
    [
        (b"", "image/png", "empty"),
        (b" \n<!doctype html>", "image/png", "a web page"),
        (b'{"error": "gone"}', "", "no picture"),
        (b"\0\0\0\x20ftypavif", "image/avif", "no picture"),
        (b"%PDF-1.7", "", "no picture"),
        (b"\x89PNG\n", "", "no picture"),
        (b"RIFF\0\0\0\0WAVE", "", "no picture"),
        (PICTURE, "text/html", "calls it text/html"),
        (PICTURE, "application/json", "calls it application/json"),
    ],
)
def test_what_is_no_picture_is_named(head, declared, says):
    with pytest.raises(NoPictureError, match=says):
        recognise(head, declared)


@pytest.mark.parametrize(("kind", "data"), WHOLE)
def test_size_and_completeness_are_those_that_pillow_sees(kind, data):
    with Image.open(io.BytesIO(data)) as image:
        size = image.size
    assert dimensions(data, Media(kind)) == size
    assert not is_cut(Media(kind), len(data), data[:HEAD], data[-TAIL:])


@pytest.mark.parametrize(("kind", "data"), [WHOLE[0], *WHOLE[2:]])
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_picture_without_its_end_is_cut(kind, data, share):
    part = data[: int(len(data) * share)]
    assert is_cut(Media(kind), len(part), part[:HEAD], part[-TAIL:])


def test_a_video_tells_no_size():
    assert dimensions(b"\0\0\0\x20ftypisom", Media("mp4")) == (None, None)
    assert not is_cut(Media("webm"), 4, b"", b"")


def box(kind: bytes, body: bytes, *, is_long: bool = False) -> bytes:
    if is_long:
        return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
    return struct.pack(">I4s", len(body) + 8, kind) + body


FILM = box(b"ftyp", b"isom" + bytes(20)) + box(b"moov", bytes(200)) + box(b"mdat", bytes(5000), is_long=True)


def is_film_cut(data: bytes, size: int) -> bool:
    boxes = Boxes()
    for place in range(0, len(data), size):
        boxes.feed(data[place : place + size])
    return boxes.is_cut


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_film_is_whole_when_its_last_box_is(size):
    assert not is_film_cut(FILM, size)
    assert not is_film_cut(FILM + bytes(3), size), "padding"
    assert not is_film_cut(FILM + b"a note behind the film", size), "no box"
    assert not is_film_cut(FILM + struct.pack(">I4s", 0, b"mdat") + bytes(9), size), "a box up to the end"
    assert all(is_film_cut(FILM[:-missing], size) for missing in (1, 16, 4999))
    assert is_film_cut(FILM[:150], size)


def test_a_cut_film_fails_in_place_of_its_end():
    with pytest.raises(CutPictureError, match="in the middle"):
        list(Passing(iter([FILM[:300], FILM[300:-1]])))
    assert b"".join(Passing(iter([FILM[:300], FILM[300:]]))) == FILM


def test_a_jpeg_that_tells_its_size_too_late_has_none():
    note = b"\xff\xe1\xff\xff" + bytes(0xFFFD)
    late = b"\xff\xd8" + note * 2 + saved(grid(), "JPEG")[2:]
    assert dimensions(late[:HEAD], Media("jpeg")) == (None, None)
    assert dimensions(late, Media("jpeg")) == (64, 64)


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("png", png(50_000, 50_000), "too many"),
        ("gif", gif(65_535, 65_535), "too many"),
        ("webp", webp(16_777_215, 16_777_215), "too many"),
        ("png", png(0, 10), "broken"),
        ("png", PNG_START, "broken"),
        ("png", PNG_START + bytes(100), "broken"),
        ("gif", b"GIF89a", "broken"),
        ("webp", b"RIFF\x40\0\0\0WEBPJUNK" + bytes(64), "broken"),
        ("webp", b"RIFF\x40\0\0\0WEBPVP8L", "broken"),
        ("jpeg", b"\xff\xd8\xff", "broken"),
        ("jpeg", b"\xff\xd8\xff\xe0\0\x04zz and no segment", "broken"),
        ("jpeg", b"\xff\xd8\xff\xff\xff\xff", "broken"),
    ],
)
def test_a_bomb_and_a_broken_head_are_refused_before_anything_is_decoded(kind, data, says):
    with pytest.raises(BadPictureError, match=says):
        dimensions(data, Media(kind))


def test_a_picture_passes_in_small_pieces_unchanged():
    pieces = iter([PICTURE[place : place + 3] for place in range(0, len(PICTURE), 3)])
    passing = Passing(pieces)
    assert (passing.media.kind, passing.size) == ("png", (32, 32))
    assert b"".join(passing) == PICTURE


def test_a_cut_picture_fails_in_place_of_its_end():
    taken = []
    with pytest.raises(CutPictureError, match="in the middle"):
        taken.extend(Passing(iter([PICTURE[:-12]])))
    assert CutPictureError.retry_helps


@pytest.mark.parametrize("size", [(64, 64), (65, 64), (64, 65), (2, 2), (3, 3), (101, 51)])
@pytest.mark.parametrize("kind", ENDINGS)
def test_quarters_are_numbered_like_the_buttons_and_lose_no_pixel(quarters, kind, size):
    width, height = size
    data = saved(grid(width, height), kind, **FAITHFUL.get(kind, {}))
    cut = list(quarters(data, recognise(data)))
    assert [number for number, _, _ in cut] == [1, 2, 3, 4]
    (w1, h1), (w2, _), (_, h3), _ = (size for _, _, size in cut)
    assert (w1 + w2, h1 + h3) == size
    assert (w1, h1) == (width // 2, height // 2)
    for (_, quarter, of), colour in zip(cut, COLOURS, strict=True):
        with Image.open(io.BytesIO(quarter)) as image:
            assert image.size == of
            assert image.format == ("PNG" if kind == "GIF" else kind)
        # In so small a JPEG, blocks of pixels reach over the seam.
        if kind != "JPEG" or min(size) > 16:
            assert is_near(corner(quarter), colour)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "I;16", "1", "CMYK"])
def test_quarters_of_pictures_of_every_mode(quarters, mode):
    image = Image.new(mode, (10, 10))
    data = saved(image, "JPEG" if mode == "CMYK" else "PNG")
    assert [size for _, _, size in quarters(data, recognise(data))] == [(5, 5)] * 4


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_quarters_keep_the_colour_profile_and_are_the_same_bytes_each_time(quarters, kind):
    data = saved(grid(), kind, icc_profile=b"a profile")
    first = list(quarters(data, recognise(data)))
    assert first == list(quarters(data, recognise(data)))
    with Image.open(io.BytesIO(first[0][1])) as image:
        assert image.info["icc_profile"] == b"a profile"


@pytest.mark.parametrize("data", [moving(), moving("WEBP"), moving("PNG")])
def test_what_moves_has_no_quarters(quarters, data):
    assert list(quarters(data, recognise(data))) == []


@pytest.mark.parametrize("tail", [b"\x21\xf9\x01;", b"\x2c;"])
def test_what_breaks_behind_the_first_frame_is_broken(quarters, tail):
    data = saved(grid().quantize(16), "GIF")[:-1] + tail
    with pytest.raises(BadPictureError, match="broken"):
        list(quarters(data, Media("gif")))


def test_quarters_are_those_that_are_shown(quarters):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = grid().rotate(180)
    data = saved(turned, "JPEG", exif=exif, quality=100, subsampling=0)
    assert all(
        is_near(corner(quarter), colour)
        for (_, quarter, _), colour in zip(quarters(data, recognise(data)), COLOURS, strict=True)
    )


def test_a_quarter_of_a_webp_keeps_what_can_not_be_seen(quarters):
    clear = grid().convert("RGBA")
    clear.putalpha(0)
    data = saved(clear, "WEBP", lossless=True, exact=True)
    _, quarter, _ = next(quarters(data, recognise(data)))
    assert corner(quarter) == COLOURS[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (png(64, 64, b"too little"), "broken"),
        (saved(grid(), "JPEG")[:300], "broken"),
        (saved(grid(1, 40), "PNG"), "can't be cut"),
        (png(50_000, 50_000), "too many"),
        (png(8_000, 8_000), "too many"),
        (webp(20_000, 20_000), "broken|too many"),
    ],
)
def test_a_grid_that_can_not_be_cut(quarters, data, says):
    with pytest.raises(BadPictureError, match=says):
        list(quarters(data, recognise(data)))


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(PillowMissingError, match=r"\[images\].*split=.never"):
        check_pillow()
