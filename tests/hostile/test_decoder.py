"""The process in which pictures are decoded: what it can't do, how it ends, and what it is not believed."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from decoders import NONSENSE, SILENT, command
from pictures import frame, jpeg_scans, parts, saved, scan
from PIL import Image
from test_bombs import MIB, computed, status

from airflow_provider_mj.images import ImageInputError, data_uri
from airflow_provider_mj.keeping import decoder as module
from airflow_provider_mj.keeping.decoder import Decoder, DecoderError
from airflow_provider_mj.keeping.grids import quarters
from airflow_provider_mj.keeping.media import BadPictureError, Media
from airflow_provider_mj.keeping.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nothing of Airflow is in it: once is enough.
pytestmark = [pytest.mark.wire, pytest.mark.alone]

PNG = saved("PNG")


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder() as one:
        yield one


def cut(decoder: Decoder, data: bytes = PNG, kind: str = "png") -> list[Any]:
    return list(quarters(data, Structure.of(data, kind), Media(kind), decoder))


def pid_of(decoder: Decoder) -> int:
    assert decoder._process is not None
    return decoder._process.pid


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_ended(pid: int) -> None:
    deadline = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(pid)


def test_one_process_serves_many_pictures_and_ends_when_it_is_closed():
    with Decoder() as decoder:
        decoder.start()
        pid = pid_of(decoder)
        assert [len(cut(decoder)) for _ in range(3)] == [4, 4, 4]
        assert len(data_uri(PNG, max_side=10, decoder=decoder)) < len(PNG)
        with pytest.raises(BadPictureError, match="broken"):
            cut(decoder, PNG[:3000])
        assert pid_of(decoder) == pid
    assert not is_running(pid)


def test_it_ends_when_nobody_has_it_any_more():
    decoder = Decoder()
    cut(decoder)
    pid = pid_of(decoder)
    del decoder
    assert not is_running(pid)


def test_it_ends_with_whoever_has_started_it(tmp_path):
    program = (
        "from airflow_provider_mj.keeping.decoder import Decoder\n"
        "decoder = Decoder()\n"
        "decoder._ready()\n"
        "print(decoder._process.pid, flush=True)\n"
        "input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.communicate()
    wait_until_ended(pid)


def test_it_has_nothing_of_this_process(decoder, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", "secret")
    with (tmp_path / "open").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        decoder._ready()
        place = Path(f"/proc/{pid_of(decoder)}")
        assert sorted(int(one.name) for one in (place / "fd").iterdir()) == [0, 1, 2]
    assert set((place / "environ").read_text().split("\0")) <= {"", "LC_CTYPE=C.UTF-8"}
    assert str((place / "cwd").readlink()) == "/"
    lines = (place / "limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert [limits[f"Max {name}"] for name in ("core file size", "open files", "file size")] == [
        "0",
        "3",
        "0",
    ]
    assert int(limits["Max address space"]) < 1024 * MIB


def test_it_imports_neither_airflow_nor_http():
    paths = module._command()[-2:]
    program = (
        "import sys; sys.path.extend(sys.argv[1:])\n"
        "import airflow_provider_mj.keeping.pixels\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
        "print(*(name for name in sys.modules if name.startswith('airflow_provider_mj')))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-ISB", "-c", program, *paths], capture_output=True, text=True, check=True
    )
    everything, ours = (set(line.split()) for line in shown.stdout.splitlines())
    assert "PIL" in everything
    assert not everything & {"airflow", "requests", "urllib3", "http", "socket", "ssl", "asyncio"}
    assert ours == {
        "airflow_provider_mj",
        *(f"airflow_provider_mj.keeping{name}" for name in ("", ".exif", ".media", ".pixels")),
    }


def blank(size: int, components: int) -> bytes:
    """Give a JPEG of several scans, for which a decoder has to hold all numbers of all its pixels."""
    before, behind = parts(saved("JPEG", progressive=True))
    tables = behind[: behind.index(b"\xff\xda")]
    begun = before + frame(size, size, 0xC2, components=components) + tables
    return begun + scan(0, 0) + bytes(99) + b"\xff\xd9"


def test_what_takes_too_much_memory_is_refused_and_the_next_picture_is_not(decoder):
    decoder._ready()
    with pytest.raises(BadPictureError):
        list(decoder.ask({"do": "cut", "kind": "jpeg"}, blank(7000, 4), 49_000_000))
    assert status("VmHWM", pid_of(decoder)) < 560 * MIB
    assert len(cut(decoder)) == 4


def test_what_takes_too_long_is_ended_and_the_next_picture_is_not(decoder, monkeypatch):
    monkeypatch.setattr(module, "_LEAST_SECONDS", 0)
    monkeypatch.setattr(module, "_WAIT_SECONDS", 60)
    decoder._ready()
    process, before = decoder._process, resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(BadPictureError, match="too much time"):
        list(decoder.ask({"do": "cut", "kind": "jpeg"}, jpeg_scans(600, 6000), 0))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process is not None
    assert process.returncode == -signal.SIGXCPU
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4
    assert len(cut(decoder)) == 4


def test_one_that_says_nothing_is_ended(decoder, monkeypatch):
    monkeypatch.setattr(module, "_command", lambda: command(b"", SILENT))
    monkeypatch.setattr(module, "_LEAST_SECONDS", 0)
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.3)
    with pytest.raises(BadPictureError, match="too much time"):
        cut(decoder)
    assert decoder._process is None


@pytest.mark.parametrize("said", NONSENSE.values(), ids=list(NONSENSE))
def test_nonsense_is_refused_and_the_next_picture_is_not(decoder, monkeypatch, said):
    with monkeypatch.context() as patch:
        patch.setattr(module, "_command", lambda: command(said))
        with pytest.raises(BadPictureError):
            cut(decoder)
    decoder.close()
    assert len(cut(decoder)) == 4


@pytest.mark.parametrize("said", NONSENSE.values(), ids=list(NONSENSE))
def test_nonsense_is_no_reference_picture(decoder, monkeypatch, said):
    monkeypatch.setattr(module, "_command", lambda: command(said))
    with pytest.raises(ImageInputError, match="bytes: "):
        data_uri(PNG, max_side=10, decoder=decoder)


@pytest.mark.parametrize("when", ["before", "amid"])
def test_one_that_was_killed_is_replaced(decoder, when):
    decoder._ready()
    asked = iter(quarters(PNG, Structure.of(PNG, "png"), Media("png"), decoder))
    if when == "amid":
        next(asked)
    process = decoder._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    if when == "before":
        process.wait()
        assert len(list(asked)) == 4
    else:
        # What was on its way may still be all.
        with suppress(BadPictureError):
            list(asked)
    assert len(cut(decoder)) == 4


def test_who_turns_away_from_a_grid_does_not_get_its_rest_with_the_next(decoder):
    asked = quarters(PNG, Structure.of(PNG, "png"), Media("png"), decoder)
    next(asked)
    asked.close()
    other = saved("PNG", (20, 20))
    assert [size for _, _, size in cut(decoder, other)] == [(10, 10)] * 4


@pytest.mark.parametrize("program", ["", "import nowhere", "print('hello')"])
def test_one_that_does_not_start_is_not_the_picture_s_fault(decoder, monkeypatch, program):
    monkeypatch.setattr(module, "_command", lambda: command(b"", program))
    with pytest.raises(DecoderError, match="does not work: it ended at once"):
        cut(decoder)
    assert DecoderError.retry_helps


def test_a_pillow_that_does_not_load_says_so(decoder, monkeypatch, tmp_path):
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise ImportError('libjpeg.so.62 is missing')")
    whole = module._command()
    monkeypatch.setattr(module, "_command", lambda: [*whole[:-1], str(tmp_path)])
    with pytest.raises(DecoderError, match="libjpeg.so.62 is missing"):
        cut(decoder)


def test_a_system_without_a_place_for_it_says_so(decoder, monkeypatch):
    monkeypatch.setattr(module, "_command", lambda: ["/nowhere/python"])
    with pytest.raises(DecoderError, match="No such file"):
        cut(decoder)


def plain(kind: str, size: tuple[int, int], **options: Any) -> bytes:

    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "size", "options"),
    [
        ("JPEG", (7071, 7071), {}),
        ("JPEG", (7071, 7071), {"progressive": True}),
        ("JPEG", (6600, 6600), {"progressive": True, "subsampling": 0}),
        ("PNG", (7071, 7071), {"compress_level": 1}),
        ("WEBP", (4096, 4096), {"method": 0}),
    ],
)
def test_the_largest_honest_pictures_are_cut(decoder, kind, size, options):
    data = plain(kind, size, **options)
    decoder._ready()
    began, most = computed(pid_of(decoder)), 0
    for _ in quarters(data, Structure.of(data, kind.lower()), Media(kind.lower()), decoder):
        most = status("VmHWM", pid_of(decoder))
    assert 0 < most < 500 * MIB
    assert computed(pid_of(decoder)) - began < 10
