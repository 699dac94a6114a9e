"""A process of its own that decodes pictures from outside: run as a file, by :class:`.Decoder`.

It has none of Airflow's environment, files and connections, imports nothing but Pillow and a few modules
beside it, and runs under limits of time and memory. It reads requests from its standard input and answers
them on its standard output, until the input ends; so it ends with whoever has started it, however that ends.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LENGTH = struct.Struct("!I")
_MEMORY = 512 * 1024 * 1024  # bytes beyond what the interpreter has when it is ready
_FALLBACK = 1024 * 1024 * 1024  # bytes in all, where the system does not tell that


def write_frame(to: IO[bytes], data: bytes | bytearray) -> None:
    """Write bytes with their length before them."""
    to.write(_LENGTH.pack(len(data)))
    to.write(data)


def read_frame(of: IO[bytes], most: int) -> bytes:
    """Read what :func:`write_frame` has written.

    :param most: bytes beyond which it is not read.
    :raises EOFError: when it ends before, or is longer.
    """
    head = of.read(_LENGTH.size)
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else most + 1
    data = of.read(length) if length <= most else b""
    if length > most or len(data) < length:
        raise EOFError
    return data


def main(paths: list[str]) -> None:
    """Answer requests until there are none.

    :param paths: where this package and Pillow are.
    """
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.path.extend(paths)
    try:
        from airflow_provider_mj.keeping import pixels
        from airflow_provider_mj.keeping.media import BadPictureError
    except Exception as error:  # noqa: BLE001 (a library can fail in any way; whoever asks is to know)
        _tell(sink, {"failed": f"{type(error).__name__}: {error}"})
        return
    limit_process()
    _tell(sink, {"ready": True})
    doing: dict[str, Callable[..., Iterable[tuple[dict[str, Any], bytes]]]]
    doing = {"cut": pixels.cut, "reduce": pixels.reduce}
    while head := source.read(_LENGTH.size):
        request = json.loads(source.read(_LENGTH.unpack(head)[0]))
        data = source.read(_LENGTH.unpack(source.read(_LENGTH.size))[0])
        limit_seconds(request.pop("seconds"))
        try:
            for told, made in doing[request.pop("do")](data, **request):
                _tell(sink, told, made)
            _tell(sink, {"end": True})
        except BadPictureError as error:
            _tell(sink, {"error": str(error)})
        except MemoryError:
            _tell(sink, {"error": "the picture takes more memory than there is for one"})


def limit_process() -> None:
    """Limit what this process may take from now on: memory, and no files at all."""
    import resource

    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            memory = int(file.read().split()[0]) * resource.getpagesize() + _MEMORY
    except OSError:
        memory = _FALLBACK
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 3,
    }
    for name, most in limits.items():
        hard = resource.getrlimit(name)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (value, value))


def limit_seconds(seconds: int) -> None:
    """Let the system end this process when it has computed for so long from now."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(
        resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
    )


def _tell(sink: IO[bytes], told: dict[str, Any], data: bytes = b"") -> None:
    write_frame(sink, json.dumps(told).encode())
    write_frame(sink, data)
    sink.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
