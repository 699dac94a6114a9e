"""What comes in from a gateway, capped and cleaned before anything reads it. No I/O, and no field's name.

Nobody vouches for a gateway's answer. It is decoded only if that can't take long, and what comes out is small
and plain: numbers that every database holds, texts without control characters, and no key that means
something to Airflow, which would make an object of what stands in XCom. What is beyond a limit is dropped,
and is no error: one bad row must not cost the others. The limits are far above what honest gateways send.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_mj.gateway.shown import Secret

MAX_TEXT = 8192
"""Characters of a text; Discord takes prompts of about 6,000."""
MAX_WORD = 4096
"""Characters of a text without a blank: beyond, it is a picture's base64, or a link that no host gives."""
MAX_NAME = 128
"""Characters of a key."""
MAX_KEYS = 100
"""Keys of an object; the richest task has about 40."""
MAX_ITEMS = 100
"""Items of a list inside of an object; a task has at most 25 buttons and 4 links."""
MAX_ROWS = 2000
"""Rows of a list inside of an object; the longest that is asked for has 1,000."""
MAX_DEPTH = 8
"""Objects and lists inside of each other, the row of a list being the first."""
MAX_VALUES = 2000
"""Values in a row with all that is in it; a whole task has about 150."""
MAX_CHARACTERS = 65536
"""Characters of all texts and keys in a row; a whole task has about 4,000."""
MOST_64_BITS = 2**63
"""The first integer that a database's 64 bits don't hold; the least that they hold is its negative."""

# These bound the time for which decoding holds the interpreter, and so the triggerer's loop. It is 70 ms for
# one object of 150,000 different keys, and below 60 ms for all else, such as lists inside of lists.
MAX_SEPARATORS = 150_000
"""Commas in an answer: 200 whole tasks have up to 30,000, novicezk/midjourney-proxy 145,000 in 8 MiB."""
MAX_NESTS = 50_000
"""Lists, and objects, in an answer: 200 whole tasks have about 2,500."""
# A shorter answer can't take longer than that, whatever is in it; lists are what takes longest.
_UNCOUNTED_LISTS = 512 * 1024
_UNCOUNTED = 1024 * 1024

# What a row itself holds has a name that is known, and may be one of several in order: there, what is dropped
# leaves a gap.
_OWN = MAX_DEPTH - 1
_FEW = 8
_SHORT = 40
_ENDS_AUTHORITY = frozenset("/\\?# \t\n\"'<>")
_DROPPED: Any = object()
_NESTS = (dict, list)
_CONTROLS = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), ""),
    **{code: chr(code) for code in (0x09, 0x0A)},
    # They end a line, or begin one anew.
    **dict.fromkeys((0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029), " "),
    # They turn the order of what follows around, in a log line as well.
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), ""),
    # JSON can carry half of a character, which neither UTF-8 nor a database can.
    **dict.fromkeys(range(0xD800, 0xE000), "?"),
}


def decode(
    text: str,
    read_object: Callable[[dict[str, Any]], object] | None = None,
    secret: Secret | None = None,
    listed: str = "",
) -> Any:
    """Decode an answer, if that takes no longer than an event loop may stand still, and clean it.

    :param text: JSON, already limited in size.
    :param read_object: makes of each object in the answer what is kept of it; None keeps all.
    :param secret: what is masked in it.
    :param listed: under which key an object has rows, each of which has a budget of its own.
    :returns: what :func:`cleaned` makes of it.
    :raises ValueError: when it is no JSON, too deep, or has too many values.
    """
    _check_count(text)
    is_long = len(text) > _UNCOUNTED
    try:
        value = _loads(text, read_object, bounded=is_long)
    except RecursionError:
        raise ValueError("the answer is too deep") from None
    except ValueError as error:
        # An integer of thousands of digits is the only other reason, and no reason to lose everything else.
        if is_long or isinstance(error, json.JSONDecodeError):
            raise
        value = _loads(text, read_object, bounded=True)
    rows = value.pop(listed, None) if isinstance(value, dict) and listed else None
    body = cleaned(value, secret)
    if isinstance(rows, list):
        body[listed] = cleaned(rows[:MAX_ROWS], secret)
    return body


def _loads(text: str, read_object: Callable[[dict[str, Any]], object] | None, *, bounded: bool) -> Any:
    """Decode JSON.

    What is read in Python lets other threads go on. Honest answers have few fractions, and many integers:
    these are read in Python, and bounded, only where it matters.
    """
    return json.loads(
        text,
        object_hook=read_object,
        parse_constant=_no_number,
        parse_float=_float,
        parse_int=_int if bounded else None,
    )


def _check_count(text: str) -> None:
    has_many = len(text) > _UNCOUNTED_LISTS and text.count("[") > MAX_NESTS
    if len(text) > _UNCOUNTED:
        has_many = has_many or text.count("{") > MAX_NESTS or text.count(",") > MAX_SEPARATORS
    if has_many:
        raise ValueError("the answer has too many values")


class Clean(dict[str, Any]):
    """An object that is clean: to clean it again leaves it as it is."""


def cleaned(value: object, secret: Secret | None = None) -> Any:
    """Cap and clean a JSON value.

    :param value: any value. Of a list, each object or list is a row with a budget of its own.
    :param secret: what is masked in texts and keys.
    :returns: None, bool, int, float, str, and dicts and lists of them.
    """
    if isinstance(value, Clean):
        return value
    if not isinstance(value, list):
        return _Row(secret).only(value)
    # What is no row has one budget with all that is none.
    others = _Row(secret)
    length = _closer_look(secret)
    return [item if _is_clean(item, length, secret) else _cleaned_row(item, secret, others) for item in value]


def cleaned_rows(rows: Iterable[object], secret: Secret | None = None) -> Iterator[Any]:
    """Cap and clean the rows of a list one by one, as :func:`cleaned` does with all at a time.

    :param rows: decoded JSON values.
    :param secret: what is masked in them.
    """
    for row in rows:
        yield _Row(secret).only(row)


def _cleaned_row(item: object, secret: Secret | None, others: _Row) -> Any:
    return _Row(secret).only(item) if isinstance(item, _NESTS) else others.scalar(item)


def _closer_look(secret: Secret | None) -> int:
    """Return how many characters a text must have to show the key, or to be looked at for anything else."""
    return _SHORT if secret is None else min(_SHORT, secret.length)


def _is_clean(row: object, length: int, secret: Secret | None) -> bool:
    """Tell a small row of short words, of which waiting reads thousands, from all else.

    :param length: characters that a text must have to need a closer look.
    :param secret: what a text of so many characters may show.
    """
    if type(row) is not dict or len(row) > _FEW:
        return False
    for key, value in row.items():
        if value is not None and not (
            # As `_is_word`, which to call would take longer than to look.
            type(value) is str
            and (len(value) < length or (len(value) < _SHORT and _lacks(secret, value)))
            and ":" not in value
            and value.isprintable()
        ):
            return False
        if len(key) >= length or _plain_name(key) != key:
            return False
    return True


def _lacks(secret: Secret | None, text: str) -> bool:
    return secret is None or secret.is_surely_not_in(text)


def _is_word(text: str) -> bool:
    """Tell a text in which there is nothing to clean: no address, no data URI, no control character."""
    return ":" not in text and text.isprintable()


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Cut a text, and take out what shows nothing and does something.

    :param text: any text.
    :param limit: characters of it at most.
    :returns: the text without control characters but tabs and line ends, and without marks that turn the
        order of reading around; "?" stands for half of a character.
    """
    if len(text) > limit:
        text = text[:limit]
    if text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def is_picture(text: str) -> bool:
    """Tell a data URI from words: it is megabytes, and nobody who reads a task wants it."""
    start = text[:100].lstrip().lower() if "data:" in text[:20].lower() else ""
    return start.startswith("data:") and (";base64," in start or not any(map(str.isspace, start)))


def is_blob(text: str) -> bool:
    """Tell a picture's base64, and a link that is cut, from words."""
    return len(text) > MAX_WORD and " " not in text and text.isascii()


def without_credentials(text: str) -> str:
    """Take user and password out of the addresses in a text.

    :param text: any text.
    """
    if "@" not in text or "://" not in text:
        return text
    first, *rest = text.split("://")
    return "://".join([first, *map(_without_user, rest)])


class _Row:
    """Cleans one row, and counts what is left of its budget."""

    __slots__ = ("_characters", "_length", "_secret", "_values")

    def __init__(self, secret: Secret | None) -> None:
        self._secret = secret
        self._length = _closer_look(secret)
        self._values = MAX_VALUES
        self._characters = MAX_CHARACTERS

    def only(self, value: object) -> Any:
        """Clean the whole of a row."""
        if isinstance(value, Mapping):
            return self._object(value, MAX_DEPTH - 1, Clean())
        return _plain(self._value(value, MAX_DEPTH))

    def scalar(self, value: object) -> Any:
        """Clean what is no object and no list, among many such; None for what is beyond the budget."""
        self._values -= 1
        return _plain(self._value(value, 0)) if self._values >= 0 else None

    def _value(self, value: object, depth: int) -> Any:
        """Clean a value; ``_DROPPED`` if nothing is kept of it."""
        if isinstance(value, str):
            return self._text(value, depth)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value)
        if not depth:
            return _DROPPED
        if isinstance(value, dict | Mapping):
            return self._object(value, depth - 1, {})
        return self._list(value, depth - 1) if isinstance(value, list | tuple) else None

    def _object(self, raw: Mapping[Any, Any], depth: int, kept: dict[str, Any]) -> dict[str, Any]:
        for key, value in raw.items():
            if self._values <= 0 or len(kept) >= MAX_KEYS:
                break
            name = self._name(key)
            if name is None:
                continue
            self._values -= 1
            item = value if value is None else self._value(value, depth)
            if item is not _DROPPED:
                kept[name] = item
            elif depth >= _OWN:
                kept[name] = None
        return kept

    def _list(self, raw: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        kept = []
        for value in raw[:MAX_ITEMS]:
            if self._values <= 0:
                break
            self._values -= 1
            item = self._value(value, depth)
            if item is not _DROPPED:
                kept.append(item)
            elif depth >= _OWN - 1:
                kept.append(None)
        return kept

    def _name(self, key: object) -> str | None:
        """Clean a key; None for one that is not kept."""
        if not isinstance(key, str) or len(key) > MAX_NAME:
            return None
        self._characters -= len(key)
        if self._characters < 0:
            return None
        if len(key) < self._length:
            return _plain_name(key)
        return _checked_name(self._without_key(clean_text(key)))

    def _text(self, text: str, depth: int) -> Any:
        if len(text) >= self._length or not _is_word(text):
            text = self._cleaned(text, depth)
            if text is _DROPPED:
                return text
        self._characters -= len(text)
        return text if self._characters >= 0 else _DROPPED

    def _cleaned(self, text: str, depth: int) -> Any:
        text = self._without_key(clean_text(self._start_of(str(text))))
        # What a row itself holds are fields, each of which is read by its own rule.
        if is_picture(text) or (depth < _OWN and is_blob(text)):
            return _DROPPED
        return without_credentials(text)

    def _start_of(self, text: str) -> str:
        # A cut must not go through the key.
        return text if self._secret is None or len(text) <= MAX_TEXT else self._secret.start(text, MAX_TEXT)

    def _without_key(self, text: str) -> str:
        masked = text if self._secret is None else self._secret.masked(text)
        # What was hidden may have more hidden in it.
        return text if masked == text else clean_text(masked)

    def _number(self, number: int | float) -> int | float | None:
        if isinstance(number, float):
            return number if isfinite(number) else None
        if not -MOST_64_BITS <= number < MOST_64_BITS:
            return None
        return None if self._secret is not None and self._secret.is_number(number) else number


def _without_user(address: str) -> str:
    """Cut what stands before an "@" off an address without its scheme, and whatever follows it."""
    end = next((place for place, sign in enumerate(address) if sign in _ENDS_AUTHORITY), len(address))
    return address[:end].rpartition("@")[2] + address[end:]


def _checked_name(key: str) -> str | None:
    """Clean a key; None for one that may not stand in XCom.

    To Airflow's serializers, keys that begin with two underscores mean the class of an object, and what it is
    made of: ``__classname__``, ``__version__``, ``__data__``, ``__id__``, ``__type``, ``__var``. Pictures are
    never kept, and a caller's notifyHook often holds the token that authenticates its webhook.
    """
    name = clean_text(key)
    folded = name.strip().lower()
    return None if folded.startswith("__") or folded == "notifyhook" or "base64" in folded else name


# The names of fields are few; what is remembered is short, whoever makes it up.
_plain_name = lru_cache(maxsize=512)(_checked_name)


def _plain(value: Any) -> Any:
    return None if value is _DROPPED else value


def _no_number(_: str) -> None:
    return None


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= _DIGITS else None


def _float(digits: str) -> float | None:
    return float(digits) if len(digits) <= MAX_NAME else None


# A minus and the digits of 64 bits.
_DIGITS = 20
