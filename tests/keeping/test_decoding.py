"""The code that runs in the process that decodes, here in this one: what it makes, and what it answers."""

from __future__ import annotations

import io
import json
import resource
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from drawn import COLOURS, corner, grid, is_near, moving, png, saved
from PIL import Image

from airflow_provider_mj.keeping import decoding, pixels
from airflow_provider_mj.keeping.decoder import Decoder
from airflow_provider_mj.keeping.media import BadPictureError, kind_of

PNG = saved(grid(), "PNG")
TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a picture lies in a file, for each note of which side is up."""


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("note", TURNED)
def test_quarters_are_upright(kind, note):
    exif = Image.Exif()
    exif[0x0112] = note
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    options |= {"lossless": True} if kind == "WEBP" else {}
    data = saved(grid(64, 48).transpose(TURNED[note]), kind, exif=exif, **options)
    cut = list(pixels.cut(data, kind.lower()))
    assert [(told["width"], told["height"]) for told, _ in cut] == [(32, 24)] * 4
    assert all(is_near(corner(made), colour) for (_, made), colour in zip(cut, COLOURS, strict=True))


def test_a_note_in_a_text_says_which_side_is_up():
    exif = Image.Exif()
    exif[0x0112] = 3
    notes = exif.tobytes().hex()
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(notes) // 2}\n{notes}", zip=True)
    data = saved(grid().rotate(180), "PNG", pnginfo=texts)
    assert [corner(made) for _, made in pixels.cut(data, "png")] == [*COLOURS]


def test_a_large_png_is_packed_less(monkeypatch):
    monkeypatch.setattr(pixels, "_LARGE", 64 * 64 - 1)
    noise = saved(Image.effect_noise((64, 64), 20).convert("RGB"), "PNG")
    quick = [made for _, made in pixels.cut(noise, "png")]
    monkeypatch.undo()
    for one, (_, other) in zip(quick, pixels.cut(noise, "png"), strict=True):
        assert Image.open(io.BytesIO(one)).tobytes() == Image.open(io.BytesIO(other)).tobytes()


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("PNG", "P"), ("JPEG", "CMYK"), ("GIF", "P")])
def test_a_picture_is_reduced_in_a_mode_that_can_be(kind, mode):
    image = Image.new(mode, (64, 32)) if mode != "P" else grid(64, 32).quantize(16)
    ((told, made),) = pixels.reduce(saved(image, kind), kind.lower(), 16)
    assert told == {"kind": "png" if kind == "GIF" else kind.lower()}
    assert kind_of(made) == told["kind"]
    with Image.open(io.BytesIO(made)) as reduced:
        assert reduced.size == (16, 8)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (PNG[:70], "broken"),
        (png(64, 64, b"few"), "broken"),
        (png(9000, 9000), "9000 x 9000 pixels are too many"),
        (png(60_000, 60_000), "too many pixels"),
    ],
)
def test_what_can_not_be_opened_is_one_error(data, says):
    with pytest.raises(BadPictureError, match=says):
        list(pixels.cut(data, "png"))
    with pytest.raises(BadPictureError, match=says):
        list(pixels.reduce(data, "png", 10))


def test_what_moves_is_not_cut():
    assert list(pixels.cut(moving(), "gif")) == []


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[int, int]]:
    """What limits are set, instead of setting them for this process."""
    found: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", found.__setitem__)
    return found


def answers(
    monkeypatch: pytest.MonkeyPatch, *requests: tuple[dict[str, Any], bytes]
) -> list[tuple[Any, bytes]]:
    """Ask :func:`.main`, and give what it answers."""
    source, sink = io.BytesIO(), io.BytesIO()
    for request, data in requests:
        decoding.write_frame(source, json.dumps(request).encode())
        decoding.write_frame(source, data)
    source.seek(0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=sink))
    decoding.main([])
    sink.seek(0)
    found = []
    while sink.tell() < len(sink.getvalue()):
        found.append((json.loads(decoding.read_frame(sink, 9999)), decoding.read_frame(sink, 99999)))
    return found


CUT = {"do": "cut", "kind": "png", "seconds": 7}


def test_requests_are_answered_one_after_the_other(monkeypatch, limits):
    reduce = {"do": "reduce", "kind": "png", "max_side": 8, "seconds": 7}
    told = [one for one, _ in answers(monkeypatch, (CUT, PNG), (CUT, PNG[:70]), (reduce, PNG))]
    assert [list(one) for one in told] == [
        ["ready"],
        *([["number", "width", "height"]] * 4),
        *(["end"], ["error"], ["kind"], ["end"]),
    ]


def test_the_limits_are_those_of_one_picture(monkeypatch, limits):
    answers(monkeypatch, (CUT, PNG))
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, _ = limits[resource.RLIMIT_CPU]
    assert 0 < soft - used.ru_utime - used.ru_stime <= 8
    assert limits[resource.RLIMIT_CORE] == limits[resource.RLIMIT_FSIZE] == (0, 0)
    assert limits[resource.RLIMIT_NOFILE] == (3, 3)
    assert limits[resource.RLIMIT_AS][0] > decoding._MEMORY


def test_a_limit_that_is_lower_already_stays(monkeypatch, limits):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, 2))
    answers(monkeypatch, (CUT, PNG))
    assert {hard for _, hard in limits.values()} == {0, 2}


def test_without_memory_the_picture_is_refused(monkeypatch, limits):
    def fill(*_: object, **__: object) -> Any:
        raise MemoryError

    monkeypatch.setattr(pixels, "cut", fill)
    assert answers(monkeypatch, (CUT, PNG))[1:] == [
        ({"error": "the picture takes more memory than there is for one"}, b"")
    ]


def test_a_library_that_does_not_load_is_told(monkeypatch, limits):
    monkeypatch.setitem(sys.modules, "airflow_provider_mj.keeping.pixels", None)
    monkeypatch.delattr("airflow_provider_mj.keeping.pixels")
    ((told, _),) = answers(monkeypatch)
    assert told["failed"].startswith(("ImportError", "ModuleNotFoundError"))


@pytest.mark.parametrize("head", [b"", b"\0\0", b"\0\0\0\x05four", b"\0\0\0\x63" + bytes(0x63)])
def test_a_frame_that_is_cut_or_too_long_is_none(head):
    with pytest.raises(EOFError):
        decoding.read_frame(io.BytesIO(head), 0x62)


def test_a_decoder_that_was_not_started_can_be_closed():
    Decoder().close()
