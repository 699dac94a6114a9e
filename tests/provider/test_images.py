from __future__ import annotations

import base64
import io
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from PIL import Image

from airflow_provider_mj.gateway.download import RefusedUrlError
from airflow_provider_mj.images import ImageInputError, data_uri, describe_source, is_url
from airflow_provider_mj.keeping.decoder import Decoder


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 4), mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def uri_of(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


PNG = picture()
# All 64 signs of base64 are in it, so that the alphabets differ.
SIGNS = PNG + bytes(range(256)) + b"\xfb\xff\xfe"
KINDS = ["png", "jpeg", "webp", "gif"]


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_is_told_by_the_first_bytes(kind, tmp_path):
    data = picture(kind)
    path = tmp_path / "picture.txt"
    path.write_bytes(data)
    wrong = f"data:image/x-wrong;base64,{base64.b64encode(data).decode()}"
    assert {data_uri(one) for one in (data, path, wrong)} == {uri_of(data, kind)}


@pytest.mark.parametrize(
    "give",
    [
        lambda path: PNG,
        lambda path: bytearray(PNG),
        lambda path: memoryview(PNG),
        lambda path: memoryview(bytes(b for byte in PNG for b in (byte, 0)))[::2],
        lambda path: path,
        str,
        os.path.relpath,
        lambda path: f"file://{path}",
        lambda path: ObjectStoragePath(f"file://{path}"),
        lambda path: uri_of(PNG),
    ],
)
def test_one_picture_in_every_form_gives_one_data_uri(cat, give):
    assert data_uri(give(cat)) == uri_of(PNG)


@pytest.mark.parametrize("url", ["https://host.example/x?sig=1", " HTTP://host.example/x "])
def test_a_url_is_fetched_by_what_the_caller_gives(url):
    asked: list[str] = []
    assert data_uri(url, download=lambda one: asked.append(one) or PNG) == uri_of(PNG)
    assert asked == [url.strip()]


def test_a_url_is_fetched_from_the_public_internet_by_default():
    with pytest.raises(RefusedUrlError):
        data_uri("http://127.0.0.1/cat.png?sig=secret")


@pytest.mark.parametrize(
    "text",
    [
        uri_of(SIGNS),
        uri_of(SIGNS).rstrip("="),
        uri_of(SIGNS).replace("+", "-").replace("/", "_").replace("image_", "image/"),
        uri_of(SIGNS).replace("+", "%2B").replace("=", "%3D"),
        "\n".join(uri_of(SIGNS)[i : i + 76] for i in range(0, len(uri_of(SIGNS)), 76)) + "\n",
        "DATA:;charset=x;BASE64," + uri_of(SIGNS).partition(",")[2],
    ],
)
def test_a_data_uri_is_normalised(text):
    assert data_uri(text) == uri_of(SIGNS)


@pytest.mark.parametrize(
    "text",
    [
        *["data:image/png;base64,iVBORw0KGgo=!", "data:image/png;base64,iVBORw0KGgo=iVBO", "data:image/png"],
        *["data:image/png,iVBORw0KGgo", "data:image/png;base64", "data:,", "data:image/png;base64,iVBOR"],
        "data:image/png;base64,",
    ],
)
def test_a_data_uri_that_is_none_is_refused_without_showing_it(text):
    with pytest.raises(ImageInputError, match="data URI") as caught:
        data_uri(text)
    assert "iVBO" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"BM" + bytes(50), b"RIFF0000WAVE", b"%PDF-1.7", b"\x89PNG\n", b"GIF88a"]
)
def test_what_is_no_picture_is_refused(data, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(data)
    for given, named in ((data, f"{len(data)} bytes"), (path, "local file cat.png")):
        with pytest.raises(ImageInputError, match=f"{named}: this is no PNG, JPEG, WebP or GIF"):
            data_uri(given)
    with pytest.raises(ImageInputError, match="https://host.example/x: this is no"):
        data_uri("https://host.example/x?sig=1", download=lambda _: data)


@pytest.mark.parametrize(
    "give",
    [
        lambda path: PNG,
        lambda path: memoryview(PNG),
        lambda path: path,
        lambda path: f"file://{path}",
        lambda path: uri_of(PNG),
        lambda path: "https://host.example/x",
    ],
)
def test_a_picture_over_the_limit_is_refused_and_one_at_it_is_not(cat, give):
    assert data_uri(give(cat), max_bytes=len(PNG), download=lambda _: PNG) == uri_of(PNG)
    with pytest.raises(ImageInputError, match=f"over {len(PNG) - 1} bytes"):
        data_uri(give(cat), max_bytes=len(PNG) - 1, download=lambda _: PNG)


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_huge_file_is_not_read_whole(tmp_path, prefix):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ImageInputError, match="huge.png: the picture is over 1000 bytes"):
        data_uri(f"{prefix}{path}", max_bytes=1000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("/nowhere/cat.png", "local file cat.png: there is no such file"),
        (Path("/nowhere/cat.png"), "local file cat.png: there is no such file"),
        ("/dev/zero", "there is no such file"),
        ("/", "there is no such file"),
        ("", "there is no such file"),
        ("cat\x00.png", "there is no such file"),
        ("a." + "b" * 5000, "there is no such file"),
        ("file:///nowhere/cat.png", "file:///nowhere/cat.png: there is no such file"),
        (ObjectStoragePath("file:///nowhere/cat.png"), "cat.png: there is no such file"),
        ("nonsense://me:secret@host/cat.png", "nonsense://host/cat.png: "),
        (None, "a NoneType is no picture"),
        (17, "a int is no picture"),
        (["cat.png"], "a list is no picture"),
    ],
)
def test_what_can_not_be_read_is_named(given, said):
    with pytest.raises(ImageInputError, match=said) as caught:
        data_uri(given)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_folder_of_an_object_storage_is_no_picture(tmp_path):
    with pytest.raises(ImageInputError, match="can't be read"):
        data_uri(f"file://{tmp_path}")


@pytest.mark.parametrize("kind", KINDS)
def test_base64_without_a_header_is_never_shown(kind):
    text = base64.b64encode(picture(kind)).decode()
    with pytest.raises(ImageInputError, match="put `data:image/png;base64,` before it") as caught:
        data_uri(text)
    assert not any(text[i : i + 8] in str(caught.value) for i in range(len(text) - 8))


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        (b"12345", "5 bytes"),
        (memoryview(b"12345"), "5 bytes"),
        ("/home/me/cat.png", "local file cat.png"),
        (Path("/home/me/cat.png"), "local file cat.png"),
        ("cat\n.png", "local file cat .png"),
        ("https://me:pw@host.example/a/b.png?sig=1", "https://host.example/a/b.png"),
        ("s3://conn@bucket/key.png", "s3://bucket/key.png"),
        ("data:image/PNG;base64," + "A" * 16384, "image/png data URI, 12 KiB"),
        ("data:image/x y;base64,AAAA", "unnamed data URI, 1 KiB"),
        ("A" * 16384, "text that looks like base64, 12 KiB"),
        (None, "a NoneType"),
    ],
)
def test_a_source_has_a_short_safe_name(image, shown):
    assert describe_source(image) == shown


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        *[("https://host/x", True), (" HTTP://host", True), ("ftp://host", False), ("s3://b/k", False)],
        *[
            ("httpx://host", False),
            (b"https://host", False),
            (None, False),
            ("data:image/png;base64,", False),
        ],
    ],
)
def test_what_is_a_url(image, expected):
    assert is_url(image) is expected


@pytest.mark.parametrize(
    ("kind", "mode", "written"),
    [
        *[("PNG", mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")],
        *[("JPEG", mode, "JPEG") for mode in ("L", "RGB", "CMYK")],
        *[("WEBP", "RGB", "WEBP"), ("WEBP", "RGBA", "WEBP"), ("GIF", "P", "PNG")],
    ],
)
@pytest.mark.parametrize("size", [(200, 100), (100, 200), (200, 1)])
def test_a_large_picture_is_reduced_in_its_format(kind, mode, written, size):
    result = opened(data_uri(picture(kind, size, mode), max_side=50))
    assert (result.format, max(result.size)) == (written, 50)
    assert result.size == tuple(max(1, side // 4) for side in size)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_fits_is_left_as_it_is(kind):
    data = picture(kind, (50, 20))
    assert data_uri(data, max_side=50) == uri_of(data, kind)


def test_a_reduced_picture_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # its right side is up
    data = picture("JPEG", (200, 100), exif=exif)
    result = opened(data_uri(data, max_side=50))
    assert result.size == (25, 50)
    assert 0x0112 not in result.getexif()


def test_grey_of_16_bits_stays_grey():
    image = Image.new("I;16", (100, 100), 32768)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert opened(data_uri(buffer.getvalue(), max_side=10)).convert("L").getpixel((5, 5)) == 128


def test_transparency_and_the_colour_profile_are_kept():
    data = picture("PNG", (100, 100), "RGBA", icc_profile=b"profile")
    result = opened(data_uri(data, max_side=10))
    assert result.getpixel((5, 5)) == (0, 0, 0, 0)
    assert result.info["icc_profile"] == b"profile"


def header_of(width: int, height: int) -> bytes:
    """Give a PNG that has nothing of the picture that it says it is."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (chunk, end)
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(10_000, 5_001), (10_000, 10_000), (60_000, 60_000), (2**31 - 1, 1)])
def test_a_bomb_is_refused_before_it_is_decoded(size, monkeypatch):
    monkeypatch.setattr(Decoder, "start", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(ImageInputError, match="too many"):
        data_uri(header_of(*size), max_side=100)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.1, 0.5])
def test_a_broken_picture_is_refused_when_it_is_to_be_reduced(kind, part):
    noise = Image.effect_noise((300, 300), 100).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, kind)
    cut = buffer.getvalue()[: int(len(buffer.getvalue()) * part)]
    with pytest.raises(ImageInputError, match="broken"):
        data_uri(cut, max_side=100)


@pytest.mark.parametrize("max_side", [0, -1, True, "100", 1.5])
def test_a_side_that_is_none_is_refused(max_side):
    with pytest.raises(ImageInputError, match="max_side"):
        data_uri(PNG, max_side=max_side)


def test_without_pillow_only_reducing_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert data_uri(PNG) == uri_of(PNG)
    with pytest.raises(ImageInputError, match=r"pip install 'airflow-provider-mj\[images\]'"):
        data_uri(PNG, max_side=100)
