"""Starts the process that decodes pictures, asks it, trusts nothing that it says, and ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_mj.keeping import decoding
from airflow_provider_mj.keeping.media import BadPictureError

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 60.0
# A picture of 50 megapixels takes about ten seconds; a machine may be slow.
_LEAST_SECONDS, _PIXELS_PER_SECOND = 10, 1_000_000
# More by the clock than in computing, as others compute, too.
_WAIT_TIMES, _WAIT_SECONDS = 3, 5
# Bytes that are read of an answer: of what is told, and of what is made, for each pixel and for a profile.
_TOLD, _MADE_PER_PIXEL, _MADE_BESIDES = 64 * 1024, 5, 32 * 1024 * 1024
_SHOWN = 200
# What an interpreter or a library that was not installed by the system's own tools may need to be found.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class PillowMissingError(RuntimeError):
    """A grid can't be cut, and a picture not be reduced, without Pillow."""


class DecoderError(RuntimeError):
    """The process that decodes pictures can't be started."""

    retry_helps = True


def pillow_path() -> Path | None:
    """Return the folder from which Pillow would be imported; None where it is not installed."""
    spec = find_spec("PIL") and find_spec("PIL.Image")
    return Path(spec.origin).parent.parent if spec and spec.origin else None


class Decoder:
    """A process beside this one, in which pictures are decoded under limits of time and memory.

    It is started when it is first needed, or before with :meth:`start`, serves one picture after the other,
    and is replaced when a picture has ended it. It ends with :meth:`close`, with this process, and when
    nobody has this object any more.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._end: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process, without waiting until it is ready.

        :raises DecoderError: when the system has no place for it.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        try:
            # Not a fork, which would have all memory of this process, and its threads' locks as they stand.
            process = subprocess.Popen(  # noqa: S603 (this interpreter, and a file of this package)
                _command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        except OSError as error:
            raise DecoderError(f"no process to decode pictures can be started ({error.strerror})") from error
        self._process, self._is_ready = process, False
        self._end = weakref.finalize(self, _ended, process)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def ask(
        self, request: dict[str, Any], data: bytes | bytearray, pixels: int
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Have something done with a picture.

        :param request: what, as :mod:`.decoding` knows it.
        :param data: the picture.
        :param pixels: how many it has, which is what it gets time for.
        :returns: what was made of it, one after the other: what is told of each, and its bytes.
        :raises BadPictureError: when it can't be done, or takes more time or memory than any picture should.
        :raises DecoderError: when the process can't be started.
        """
        seconds = _LEAST_SECONDS + pixels // _PIXELS_PER_SECOND
        patience = _WAIT_TIMES * seconds + _WAIT_SECONDS
        process = self._ready()
        is_done = False
        try:
            with _watched(process, patience):
                _send(process, request | {"seconds": seconds}, data)
            while True:
                with _watched(process, patience):
                    told, made = _received(process, _MADE_BESIDES + _MADE_PER_PIXEL * pixels)
                if is_done := "end" in told or "error" in told:
                    break
                yield told, made
            if "error" in told:
                raise BadPictureError(str(told["error"])[:_SHOWN])
        finally:
            # What it would still say would be taken for the next picture's.
            if not is_done:
                self.close()

    def _ready(self) -> subprocess.Popen[bytes]:
        """Return the process when it is able to answer."""
        self.start()
        assert self._process is not None  # noqa: S101 (for mypy)
        if not self._is_ready:
            try:
                with _watched(self._process, _START_SECONDS):
                    told, _ = _received(self._process, 0)
            except BadPictureError:
                told = {}
            if "ready" not in told:
                self.close()
                reason = str(told.get("failed", "it ended at once"))[:_SHOWN]
                raise DecoderError(f"the process that decodes pictures does not work: {reason}")
            self._is_ready = True
        return self._process


def _command() -> list[str]:
    pillow = pillow_path()
    if pillow is None:
        raise PillowMissingError("Pillow is not installed: pip install 'airflow-provider-mj[images]'")
    # Without its site, the interpreter is there sooner, and nothing that is installed beside Pillow runs.
    return [sys.executable, "-ISB", decoding.__file__, str(Path(__file__).parents[2]), str(pillow)]


def _send(process: subprocess.Popen[bytes], request: dict[str, Any], data: bytes | bytearray) -> None:
    assert process.stdin is not None  # noqa: S101 (for mypy)
    try:
        decoding.write_frame(process.stdin, json.dumps(request).encode())
        decoding.write_frame(process.stdin, data)
        process.stdin.flush()
    except OSError:
        raise _died() from None


def _received(process: subprocess.Popen[bytes], most: int) -> tuple[dict[str, Any], bytes]:
    assert process.stdout is not None  # noqa: S101 (for mypy)
    try:
        told = json.loads(decoding.read_frame(process.stdout, _TOLD))
        made = decoding.read_frame(process.stdout, most)
    except (EOFError, OSError, ValueError, RecursionError):
        raise _died() from None
    if not isinstance(told, dict):
        raise _died()
    return told, made


def _died() -> BadPictureError:
    return BadPictureError("decoding the picture took too much time or memory, and was ended")


@contextmanager
def _watched(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Kill the process when it takes longer; whoever waits for it then sees that."""
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        # What was not yet sent can't be any more.
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
