"""Strategies that make hostile answers out of known ones: the values, the shape, the text and the headers."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hostile_texts
import hostile_values as hostile
import hostile_wire as wire
from hostile_values import Raw
from hypothesis import strategies as st
from known_answers import Known, known_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWN = known_answers()
# Errors are most of what is known, and tasks most of what is read.
_TASKS = [
    one
    for one in KNOWN
    if one.status == 200 and one.is_json and "submitTime" in str(one.body) and "status" in str(one.body)
]
DrawFn = st.DrawFn

_MOST_MUTATIONS = 4
# Most answers are sound as HTTP, or little else would be read of them.
_ODD_HEADERS = (*[0] * 8, 1, 1, 3)
_TIMES = (2, 5, 30, 300, 2000)
_LENGTHS = (300, 5000, 20_000, 40_000)
_LARGE = 1_500_000
_ENDS = ("", "x", "1", "video::1::", "insert_", "<", " ")


@dataclass(frozen=True)
class Exchange:
    """One answer, as it goes over the wire.

    :param raw: status line, headers and body.
    :param source: the known answer that it is made of, and what was done to it.
    """

    raw: bytes
    source: str

    def __repr__(self) -> str:
        shown = self.raw if len(self.raw) <= 1500 else self.raw[:1000] + b" ... " + self.raw[-200:]
        return f"<{self.source}; {len(self.raw)} bytes: {shown!r}>"


@dataclass(frozen=True)
class Pairs:
    """A JSON object that may hold a key twice."""

    pairs: tuple[tuple[str, Any], ...]


@st.composite
def exchanges(draw: DrawFn) -> Exchange:
    """Make an answer."""
    known: Known = draw(st.one_of(st.sampled_from(KNOWN), st.sampled_from(_TASKS)))
    done: list[str] = []
    body = known.body if not known.is_json else _json_body(draw, known.body, done)
    body = _bytes_body(draw, body, done)
    status = str(known.status).encode() + b" x"
    if draw(st.integers(0, 7)) == 0:
        status = _pick(draw, wire.STATUS_LINES)
        done.append("status")
    headers, body = _headers(draw, known, body, done)
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    source = " ".join([known.source, *done])
    return Exchange(b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\n" + body, source)


def _pick(draw: DrawFn, items: Sequence[Any]) -> Any:
    """Draw one of some items that are only known now: quicker than a strategy for each."""
    return items[draw(st.integers(0, len(items) - 1))]


@st.composite
def _long_texts(draw: DrawFn) -> str:
    part = _pick(draw, hostile_texts.REPEATED + hostile_texts.REPEATED_MORE)
    length = _pick(draw, _LENGTHS)
    before, after = _pick(draw, _ENDS), _pick(draw, _ENDS)
    return f"{before}{part * (length // len(part))}{after}"


TEXTS = st.one_of(
    st.sampled_from(hostile_texts.TEXTS),
    st.sampled_from(hostile_texts.LINKS),
    st.text(st.characters(codec=None), max_size=60),
    _long_texts(),
)
"""Texts: known hostile ones, any at all, and very long ones that cost a careless reader time."""
_LEAVES = st.one_of(
    TEXTS,
    TEXTS,
    st.sampled_from(hostile.NUMBERS),
    st.sampled_from(hostile.ODD),
    st.sampled_from(hostile.SERIALIZED),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
_NESTS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(hostile.KEYS), inner, max_size=4),
    ),
    max_leaves=6,
)
VALUES = st.one_of(_LEAVES, _LEAVES, _LEAVES, _NESTS)
"""JSON values of any type."""


def _json_body(draw: DrawFn, body: Any, done: list[str]) -> bytes:
    for _ in range(draw(st.integers(1, _MOST_MUTATIONS))):
        name = draw(st.sampled_from(_OFTEN))
        done.append(name)
        body = _MUTATIONS[name](draw, body)
    is_ascii = draw(st.booleans())
    # Lone surrogates are no UTF-8, which is one more thing that a gateway can send.
    return _encoded(body, is_ascii=is_ascii).encode("utf-8", "surrogatepass")


def _encoded(value: Any, *, is_ascii: bool) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, list):
        return f"[{','.join(_encoded(one, is_ascii=is_ascii) for one in value)}]"
    if isinstance(value, dict | Pairs):
        pairs = value.pairs if isinstance(value, Pairs) else value.items()
        inner = (f"{json.dumps(key)}:{_encoded(one, is_ascii=is_ascii)}" for key, one in pairs)
        return f"{{{','.join(inner)}}}"
    return json.dumps(value, ensure_ascii=is_ascii)


# --- what can be done to a JSON value ---------------------------------------------------------------------


def _changed(draw: DrawFn, value: Any, change: Any) -> Any:
    """Walk into a value, as deep as is drawn, and change what is there."""
    if isinstance(value, Pairs):
        value = dict(value.pairs)
    if isinstance(value, dict | list) and value:
        at = draw(st.integers(0, len(value)))
        if at < len(value):
            if isinstance(value, list):
                return [
                    _changed(draw, one, change) if place == at else one for place, one in enumerate(value)
                ]
            key = list(value)[at]
            return {**value, key: _changed(draw, value[key], change)}
    return change(draw, value)


def _replace(draw: DrawFn, body: Any) -> Any:
    return _changed(draw, body, lambda draw, _: draw(VALUES))


def _replace_field(draw: DrawFn, body: Any) -> Any:
    """Replace a field of the task, the row or the error itself, which is where most is read."""

    def change(draw: DrawFn, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            return draw(VALUES)
        key = _pick(draw, sorted(value))
        return {**value, key: draw(VALUES)}

    rows = isinstance(body, list) and body
    return [change(draw, body[0]), *body[1:]] if rows else change(draw, body)


def _drop(draw: DrawFn, body: Any) -> Any:
    def change(draw: DrawFn, value: Any) -> Any:
        if isinstance(value, dict | list) and value:
            at = draw(st.integers(0, len(value) - 1))
            if isinstance(value, list):
                return value[:at] + value[at + 1 :]
            return {key: one for place, (key, one) in enumerate(value.items()) if place != at}
        return None

    return _changed(draw, body, change)


def _repeat(draw: DrawFn, body: Any) -> Any:
    """Say a key twice, or an element, or a text, many times."""

    def change(draw: DrawFn, value: Any) -> Any:
        if isinstance(value, dict) and value:
            key = _pick(draw, sorted(value))
            return Pairs((*value.items(), (key, draw(VALUES))))
        if isinstance(value, list):
            times = _pick(draw, _TIMES)
            items = value[:3] or [draw(VALUES)]
            return items * max(1, times // len(items)) if len(str(items)) < _LARGE // times else items
        if isinstance(value, str) and value:
            return value * min(_pick(draw, _TIMES), max(1, _LARGE // len(value)))
        return [value, value]

    return _changed(draw, body, change)


def _rename(draw: DrawFn, body: Any) -> Any:
    def change(draw: DrawFn, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            return {_pick(draw, hostile.KEYS): value}
        old, new = _pick(draw, sorted(value)), _pick(draw, hostile.KEYS)
        return {new if key == old else key: one for key, one in value.items()}

    return _changed(draw, body, change)


def _add(draw: DrawFn, body: Any) -> Any:
    def change(draw: DrawFn, value: Any) -> Any:
        more = {_pick(draw, hostile.KEYS): draw(VALUES)}
        return {**value, **more} if isinstance(value, dict) else more

    return _changed(draw, body, change)


def _serialized(draw: DrawFn, body: Any) -> Any:
    """Make a part of it look like what Airflow's serializers write."""

    def change(draw: DrawFn, value: Any) -> Any:
        said = _pick(draw, hostile.SERIALIZED)
        if draw(st.booleans()):
            return {**value, **said} if isinstance(value, dict) else said
        return {key: value if key in ("__var", "__data__") else one for key, one in said.items()}

    return _changed(draw, body, change)


def _in_properties(draw: DrawFn, body: Any) -> Any:
    """Put something where everything may stand: into the properties of a task."""

    def change(draw: DrawFn, value: Any) -> Any:
        return {**value, "properties": {_pick(draw, hostile.KEYS): draw(VALUES)}}

    if isinstance(body, list) and body and isinstance(body[0], dict):
        return [change(draw, body[0]), *body[1:]]
    return change(draw, body) if isinstance(body, dict) else body


def _wrap(draw: DrawFn, body: Any) -> Any:
    wrapped = ([body], [[body]], {"data": body}, {"code": 1, "result": body}, {"error": body}, {"17": body})
    return _pick(draw, wrapped)


def _unwrap(draw: DrawFn, body: Any) -> Any:
    if isinstance(body, Pairs):
        return body
    inner = list(body.values()) if isinstance(body, dict) else body if isinstance(body, list) else []
    return _pick(draw, inner) if inner else draw(VALUES)


def _as_task(draw: DrawFn, body: Any) -> Any:
    """Let it be a finished task of the id that is asked for, whatever else was done to it."""
    word = draw(st.sampled_from(("SUCCESS", "FAILURE", "MODAL", "CANCEL", "IN_PROGRESS")))
    if isinstance(body, list):
        return [*body, {"id": "17", "status": word, "submitTime": 1}]
    return {**body, "id": "17", "status": word} if isinstance(body, dict) else body


_MUTATIONS = {
    "replace a field": _replace_field,
    "replace": _replace,
    "add": _add,
    "put into properties": _in_properties,
    "serialize": _serialized,
    "rename": _rename,
    "repeat": _repeat,
    "drop": _drop,
    "finish": _as_task,
    "wrap": _wrap,
    "unwrap": _unwrap,
}
_IN_PLACE = ("replace a field", "replace a field", "add", "put into properties", "serialize", "replace")
_OFTEN = (*_IN_PLACE, *_IN_PLACE, *_MUTATIONS)


# --- what can be done to bytes and headers ----------------------------------------------------------------


def _bytes_body(draw: DrawFn, body: bytes, done: list[str]) -> bytes:
    how = draw(st.integers(0, 39))
    at = draw(st.integers(0, len(body))) if how in (1, 2) else 0
    if how == 1:
        done.append("cut")
        return body[:at]
    if how == 2:
        done.append("insert")
        return body[:at] + _pick(draw, wire.INTO_BODIES) + body[at:]
    if how == 3:
        done.append("recode")
        return body.decode("utf-8", "replace").encode(draw(st.sampled_from(("utf-16", "utf-32", "utf-7"))))
    if how == 4:
        done.append("any bytes")
        return draw(st.binary(max_size=200))
    return body


def _headers(
    draw: DrawFn, known: Known, body: bytes, done: list[str]
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    headers = [(b"Content-Type", (known.media_type or "application/json").encode())]
    how = draw(st.integers(0, 199))
    if how in _FRAMES:
        done.append(_FRAMES[how].__name__.strip("_"))
        more, body = _FRAMES[how](draw, body)
        headers += more
    else:
        headers.append((b"Content-Length", str(len(body)).encode()))
    for _ in range(draw(st.sampled_from(_ODD_HEADERS))):
        name, value = _pick(draw, wire.HEADERS)
        done.append(name.decode("latin-1").strip() or "a header")
        headers.insert(draw(st.sampled_from((0, len(headers)))), (name, value))
    if draw(st.integers(0, 60)) == 0:
        done.append("many headers")
        headers += [(b"X-%d" % number, b"a") for number in range(120)]
    return headers, body


def _chunked(draw: DrawFn, body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    half = len(body) // 2
    sizes = [b"%x" % half, b"%x" % (len(body) - half), b"0"]
    if draw(st.booleans()):
        sizes[draw(st.integers(0, 2))] = _pick(draw, wire.CHUNK_SIZES)
    parts = (body[:half], body[half:], draw(st.sampled_from((b"", b"X-Trailer: \x1b[2J", b"a" * 70_000))))
    chunks = b"".join(size + b"\r\n" + part + b"\r\n" for size, part in zip(sizes, parts, strict=True))
    return [(b"Transfer-Encoding", b"chunked")], chunks


def _packed(draw: DrawFn, body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    packed = gzip.compress(body, mtime=0)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(packed)))
        packed = packed[:at] + draw(st.sampled_from((b"", b"\0", b"\xff" * 10, packed))) + packed[at:][:400]
    return [(b"Content-Encoding", b"gzip"), (b"Content-Length", b"%d" % len(packed))], packed


def _bomb(draw: DrawFn, body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    del draw, body
    return [(b"Content-Encoding", b"gzip"), (b"Content-Length", b"%d" % len(_BOMB))], _BOMB


def _unframed(draw: DrawFn, body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    del draw
    return [], body


_BOMB = gzip.compress(b" " * 9_000_000, mtime=0)
_FRAMES = {
    1: _bomb,
    **dict.fromkeys(range(2, 14), _chunked),
    **dict.fromkeys(range(14, 26), _packed),
    **dict.fromkeys(range(26, 38), _unframed),
}
