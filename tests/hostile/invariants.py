"""What has to hold for whatever comes of a hostile answer: values that are plain and bounded, quiet logs."""

from __future__ import annotations

import json
import logging
import math
from contextlib import contextmanager, nullcontext, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hostile_texts import KEY, SIGNATURE

try:
    from airflow.sdk.bases.xcom import BaseXCom
except ImportError:  # Airflow 2
    from airflow.models.xcom import BaseXCom
try:
    import msgspec
    from airflow.sdk.execution_time.comms import SetXCom
except ImportError:  # a worker of Airflow 2 writes into the database itself
    SetXCom = None
try:
    from structlog.testing import capture_logs
except ImportError:  # Airflow 2, whose loggers are Python's own
    capture_logs = nullcontext

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1024 * 1024
"""Bytes of JSON that one value in XCom may have."""
LONGEST_MESSAGE = 4000
LONGEST_LINE = 20_000
TASK_KEYS = (
    *("id", "action", "status", "prompt", "promptEn", "description", "state", "submitTime", "startTime"),
    *("finishTime", "progress", "imageUrl", "imageUrls", "videoUrl", "videoUrls", "imageUrlExpiresAt"),
    *("failReason", "buttons", "seed", "cost", "properties"),
)
_PLAIN = (str, bool, int, float, type(None))
_LONGEST_INTEGER = 64
_DEEPEST = 100


# Where one of these is, it is in every other place as well.
_ONCE = (
    "too large for XCom",
    "the key in XCom",
    "endless words",
    "the key in words",
    "a signed link in words",
)


class Finding(AssertionError):  # noqa: N818 (it is what is looked for)
    """Something that must not happen.

    :param kind: which rule is broken.
    :param where: at which call or in which value.
    :param what: the details.
    """

    def __init__(self, kind: str, where: str, what: str = "") -> None:
        self.kind, self.where, self.what = kind, where, what[:1500]
        super().__init__(f"{kind}: {where}: {self.what!a}")

    @property
    def key(self) -> tuple[str, str]:
        """What makes two findings the same."""
        return self.kind, "" if self.kind in _ONCE else self.where


def check_value(value: Any, where: str) -> None:
    """Check a value that goes into XCom: plain, bounded, storable, and the same when it comes out again.

    :param value: the value.
    :param where: what it is.
    :raises Finding: when it is none of these.
    """
    with suppress(TypeError, ValueError, RecursionError):
        # What is far too large is not looked at any closer.
        if (size := len(json.dumps(value, ensure_ascii=False))) > LARGEST:
            raise Finding("too large for XCom", where, f"{size} characters")
    check_plain(value, where)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Finding("no JSON in UTF-8", where, repr(error)) from error
    if size > LARGEST:
        raise Finding("too large for XCom", where, f"{size} bytes")
    if shows_key(text):
        raise Finding("the key in XCom", where, text)
    check_both_ways(value, where)


def check_plain(value: Any, where: str, depth: int = 0) -> None:
    """Check that a value consists of JSON's own types.

    :param value: the value.
    :param where: what it is.
    :raises Finding: when something else is in it.
    """
    inside: list[Any] = []
    if type(value) is list and depth < _DEEPEST:
        inside = value
    elif type(value) is dict and depth < _DEEPEST:
        inside = [*value.keys(), *value.values()]
        if odd := [key for key in value if type(key) is not str]:
            raise Finding("a key that is no text", where, repr(odd))
    elif trouble := _trouble(value):
        raise Finding(trouble, where, f"{str(value)[:200] if type(value) is str else type(value).__name__}")
    for one in inside:
        check_plain(one, where, depth + 1)


def _trouble(value: object) -> str | None:
    """Tell what is wrong with a value that holds no others."""
    if type(value) not in _PLAIN:
        return "a value that is not plain"
    if type(value) is str and "\0" in value:
        return "NUL in XCom"
    if type(value) is int and value.bit_length() >= _LONGEST_INTEGER:
        return "an integer over 64 bits"
    if type(value) is float and not math.isfinite(value):
        return "a number that JSON does not have"
    return None


def check_both_ways(value: Any, where: str) -> None:
    """Check that Airflow's own serializer takes a value and gives the same back.

    :param value: the value.
    :param where: what it is.
    :raises Finding: when it does not.
    """
    try:
        back = pulled(pushed(value))
    except Exception as error:
        raise Finding("Airflow can't store it", where, f"{type(error).__name__}: {error}") from error
    check_plain(back, f"{where}, out of XCom")
    if back != value:
        raise Finding("comes out of XCom otherwise", where, f"{value!r} became {back!r}")


def pushed(value: Any) -> Any:
    """Return what Airflow stores of an XCom; on its way are the serializer, the supervisor and a database."""
    stored = BaseXCom.serialize_value(value)
    if isinstance(stored, bytes):
        return stored
    if SetXCom is not None:
        message = SetXCom(key="k", value=stored, dag_id="d", run_id="r", task_id="t")
        msgspec.msgpack.encode(message.model_dump())
    return json.loads(json.dumps(stored))


def pulled(stored: Any) -> Any:
    """Return what Airflow makes of it for the task that pulls it."""
    return BaseXCom.deserialize_value(SimpleNamespace(value=stored))


def check_task(task: dict[str, Any], where: str) -> None:
    """Check a task as it stands in XCom.

    :param task: what :meth:`.Task.to_dict` gives.
    :param where: where it is from.
    :raises Finding: when it is not as it has to be.
    """
    if tuple(task) != TASK_KEYS:
        raise Finding("other keys in a task", where, f"{list(task)}")
    for name in TASK_KEYS:
        check_value(task[name], f"{where}: {name}")
    check_value(task, f"{where}: task")
    for name, expected in _TYPES.items():
        if not isinstance(task[name], expected):
            raise Finding("a field of another type", f"{where}: {name}", repr(task[name]))
    for link in (task["imageUrl"], task["videoUrl"], *task["imageUrls"], *task["videoUrls"]):
        check_link(link, where)


_TYPES: dict[str, Any] = {
    "id": str,
    "imageUrls": list,
    "videoUrls": list,
    "buttons": list,
    "properties": dict,
    "progress": (int, type(None)),
    "cost": (int, float, type(None)),
    **dict.fromkeys(("action", "status", "prompt", "promptEn", "description", "state"), (str, type(None))),
    **dict.fromkeys(
        ("submitTime", "startTime", "finishTime", "imageUrlExpiresAt", "seed"), (str, type(None))
    ),
    **dict.fromkeys(("imageUrl", "videoUrl", "failReason"), (str, type(None))),
}


def check_link(link: str | None, where: str) -> None:
    """Check that a link is one of http or https, without credentials and in one line.

    :param link: the link; None is no link.
    :param where: where it is from.
    :raises Finding: when it is something else.
    """
    if link is None:
        return
    host = link.partition("://")[2].partition("/")[0]
    if not link.startswith(("http://", "https://")) or "@" in host or not host:
        raise Finding("no link of http", where, link)
    if not link.isprintable():
        raise Finding("a link with control characters", where, link)


def check_line(line: str, where: str, *, longest: int = LONGEST_LINE) -> None:
    """Check a line that a person reads: one line, printable, without secrets.

    :param line: of a log, or the words of an error.
    :param where: where it is from.
    :param longest: characters that it may have.
    :raises Finding: when it is not.
    """
    if not line.isprintable():
        odd = next(sign for sign in line if not sign.isprintable())
        raise Finding("unprintable words", where, f"{odd!r} in {line[:300]!r}")
    if len(line) > longest:
        raise Finding("endless words", where, f"{len(line)} characters: {line[:200]}")
    if shows_key(line):
        raise Finding("the key in words", where, line)
    if SIGNATURE in line:
        raise Finding("a signed link in words", where, line)


def shows_key(text: str) -> bool:
    """Tell whether somebody could read the key in a text."""
    return KEY in text or KEY in unquote(text) or KEY in text.replace("\\/", "/")


class Lines(logging.Handler):
    """Keeps what is logged, by whoever it is."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[tuple[str, str]] = []
        self.structured: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, and what its exception says."""
        self.records.append((record.name, record.getMessage()))
        if record.exc_info and record.exc_info[1]:
            self.records.append((f"{record.name}, exception", str(record.exc_info[1])))

    def findings(self) -> list[Finding]:
        """Check everything that was kept, and forget it.

        :returns: what is wrong with the lines.
        """
        records = [*self.records, *(("Airflow", str(entry["event"])) for entry in self.structured)]
        self.records.clear()
        self.structured.clear()
        found = []
        for name, line in records:
            try:
                check_line(line, f"log of {name}")
            except Finding as finding:
                found.append(finding)
        return found


@contextmanager
def logged() -> Iterator[Lines]:
    """Keep all that is logged, from DEBUG on, and show none of it."""
    root, lines = logging.getLogger(), Lines()
    level, handlers = root.level, root.handlers[:]
    root.setLevel(logging.DEBUG)
    root.handlers[:] = [lines]
    loud = {
        name: logging.getLogger(name)
        for name in ("urllib3", "requests", "airflow_provider_mj", "charset_normalizer")
    }
    before = {name: (one.level, one.propagate, one.disabled) for name, one in loud.items()}
    for one in loud.values():
        one.setLevel(logging.DEBUG)
        one.propagate, one.disabled = True, False
    try:
        with capture_logs() as structured:
            lines.structured = structured or []
            yield lines
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        for name, (its_level, propagate, disabled) in before.items():
            loud[name].setLevel(its_level)
            loud[name].propagate, loud[name].disabled = propagate, disabled
