"""What may stand in a log line or an error, and what never may: the one place that decides. No I/O.

Whatever comes from outside (a gateway's words, ids and statuses, names of files, addresses, what libraries
say) passes :func:`quote` or :func:`shown_url` before it is shown; the key passes through nothing.
"""

from __future__ import annotations

import base64
import re
import string
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUOTE = 200
"""Characters of a text from outside that are shown at most."""

# Characters that are looked at for those that are shown: megabytes of blanks must cost nothing.
_LOOKED_AT = 20 * QUOTE
_LONGEST_URL = 4096
# "//" and a "?" behind it.
_SHORTEST_ADDRESS = 3
# Two before the host, and one behind it.
_SLASHES = 3
# Shorter texts can't be cut out of an answer without hurting it; Airflow's own masking has the same bound.
_MIN_SECRET = 5
_PREFIX = "sk-"
# Characters of a text in which the key is looked for in every spelling, which takes time.
_SEARCHED = 16384
# How often a text may be written in an escaped form of an escaped form.
_ROUNDS = 5
# The longest way to write a character: "&amp;#x" with its digits, and zeros before them.
_LONGEST_SPELLING = 24
_NEVER = 1 << 62
_MASK = "***"
_STARS = re.compile(r"\*{2,}+")
_SIGNS = string.ascii_letters + string.digits + "-_"
# Signs of a key that are shown at one end of it at most, and at both together at least.
_HINT, _FEWEST = 32, 2
# What addresses can't hold ends them.
_ENDS = " \"'<>`"
_AUTHORITIES = ("//", r"\/", "%2f", r"\u002f", "&#47;", "&#x2f;")
_QUERIES = ("?", "%3f", "%253f", r"\u003f", "&#63;", "&#x3f;", "&quest;")
_URL_SAFE = str.maketrans("+/", "-_")
_BEHIND_BACKSLASH = re.compile(r"u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})")
_BEHIND_AMPERSAND = re.compile(r"#(?:0{0,8}([0-9]{1,3})|[xX]0{0,8}([0-9a-fA-F]{1,2}));?|([A-Za-z]{2,6});")
_NAMED = {
    "amp": "&",
    "lt": "<",
    "gt": ">",
    "quot": '"',
    "apos": "'",
    "sol": "/",
    "bsol": "\\",
    "plus": "+",
    "equals": "=",
    "colon": ":",
    "semi": ";",
    "comma": ",",
    "period": ".",
    "num": "#",
    "percnt": "%",
    "lowbar": "_",
    "ast": "*",
    "commat": "@",
    "excl": "!",
    "dollar": "$",
    "quest": "?",
    "lpar": "(",
    "rpar": ")",
    "lsqb": "[",
    "rsqb": "]",
    "lcub": "{",
    "rcub": "}",
    "verbar": "|",
    "grave": "`",
    "Hat": "^",
}


def quote(text: str) -> str:
    """Make a text from outside safe to show: one line, printable, at most 200 characters.

    Addresses in it lose their queries: whoever has the whole link of a picture has the picture.

    :param text: any text.
    :returns: the text without line ends, escape codes and runs of blanks; what was cut ends in an ellipsis.
    """
    looked_at = text[:_LOOKED_AT]
    if not looked_at.isprintable():
        looked_at = "".join(c if c.isprintable() else " " for c in looked_at)
    line = " ".join(_without_queries(looked_at).split())
    is_whole = len(line) <= QUOTE and len(text) <= _LOOKED_AT
    return line if is_whole else line[: QUOTE - 1] + "…"


def _without_queries(text: str) -> str:
    """Cut the queries off the addresses in a printable text, which has no line end to stand in its way."""
    for end in _ENDS:
        text = text.replace(end, f"\n{end}\n")
    return "".join(map(_without_query, text.split("\n")))


def _without_query(word: str) -> str:
    """Cut the query off a word that is an address, however it is spelled."""
    if len(word) < _SHORTEST_ADDRESS:
        return word
    folded = word.lower()
    ends = [place for mark in _QUERIES if (place := folded.find(mark)) > 0]
    is_address = ends and any(mark in folded[: min(ends)] for mark in _AUTHORITIES)
    return word[: min(ends)] if is_address else word


def shown_url(url: object) -> str:
    """Return an address as it may be shown: without credentials, query and fragment.

    :param url: anything that stands where an address belongs.
    :returns: at most 200 characters in one line.
    """
    if not isinstance(url, str):
        return f"of type {type(url).__name__}"
    text = url.strip()
    if len(text) > _LONGEST_URL:
        text = text[:_LONGEST_URL]
        # Unless its host ends before the cut, what is left of it could be a password.
        if text.count("/") < _SLASHES:
            return "at an address that is too long"
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "at an address that can't be read"
    if not host and parts.scheme != "file":
        return "at an address without a host"
    name = f"[{host}]" if ":" in host else host
    return quote(f"{parts.scheme}://{name}{port}{parts.path}")


class Secret:
    """A key that must not be shown, however it is spelled.

    A gateway, or what stands before it, repeats the key in its errors: plain, or escaped for JSON, an address
    or a page.

    :param key: the key; one of fewer than 5 characters is not masked, since that would hurt any text.
    """

    __slots__ = ("_core", "_encoded")

    def __init__(self, key: str) -> None:
        # new-api's own logs show its keys without this.
        core = key.removeprefix(_PREFIX) if len(key) >= _MIN_SECRET + len(_PREFIX) else key
        self._core = core if len(core) >= _MIN_SECRET else ""
        self._encoded = _encodings_of(self._core) if self._core else ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @property
    def length(self) -> int:
        """Characters that a text must have to show the key."""
        return len(self._core) or _NEVER

    def is_surely_not_in(self, text: str) -> bool:
        """Tell in no time that a text does not show the key; False where it takes a closer look.

        :param text: any text; waiting looks at thousands of short ones.
        """
        if self._core in text or "\\" in text or "%" in text or "&" in text or "+" in text or "**" in text:
            return False
        for encoded in self._encoded:  # noqa: SIM110 (a generator would take a microsecond)
            if encoded in text:
                return False
        return True

    def masked(self, text: str) -> str:
        """Replace the key, in every spelling.

        :param text: any text. One of more than 16,384 characters is only searched for the key as it is: what
            is made of it has to be masked as well.
        :returns: the text with ``***`` in place of the key. Where that was hidden in a text, the text is
            unescaped as well.
        """
        if not self._core:
            return text
        if "**" in text:
            text = self._without_hints(text)
        if len(text) < len(self._core):
            return text
        shown = self._replaced(text)
        if len(text) > _SEARCHED:
            return shown
        for undo in _ways(self._core):
            shown = self._sought(shown, undo)
        return shown

    def _without_hints(self, text: str) -> str:
        """Replace the key where its middle alone is hidden: new-api shows ``sk-`` and 3 signs at each end."""
        shown, end = [], 0
        for stars in _STARS.finditer(text[:_SEARCHED]):
            before = text[max(end, stars.start() - _HINT) : stars.start()]
            after = text[stars.end() : stars.end() + _HINT]
            head, tail = _last_word(before), _last_word(after[::-1])[::-1]
            if self._is_hinted(head, tail):
                shown.append(text[end : stars.start() - len(head)] + _MASK)
                end = stars.end() + len(tail)
        return "".join([*shown, text[end:]])

    def _is_hinted(self, head: str, tail: str) -> bool:
        bare = head.removeprefix(_PREFIX)
        shows = len(bare) + len(tail) >= _FEWEST
        return shows and self._core.startswith(bare) and self._core.endswith(tail)

    def _sought(self, text: str, undo: Callable[[str], str]) -> str:
        """Undo what a text is escaped by, again and again; it stays as it was unless the key comes out."""
        shown = plain = text
        for _ in range(_ROUNDS):
            before, plain = plain, undo(plain)
            if plain == before:
                break
            if (replaced := self._replaced(plain)) != plain:
                shown = plain = replaced
        return shown

    def start(self, text: str, length: int) -> str:
        """Return the beginning of a text without the key, and without a part of one at the cut.

        :param text: any text.
        :param length: characters of it at most, below 8,000.
        """
        masked = self.masked(text[:_SEARCHED])
        if len(text) > _SEARCHED:
            # Where a mask took much away, the end of what was searched could be the beginning of a key.
            masked = masked[: max(0, len(masked) - _LONGEST_SPELLING * (len(self._core) + len(_PREFIX)))]
        return masked[:length]

    def is_number(self, number: int) -> bool:
        """Tell whether a number shows the key."""
        return self._core.isdigit() and self._core in str(number)

    def _replaced(self, text: str) -> str:
        for encoded in self._encoded:
            if encoded in text:
                text = text.replace(encoded, _MASK)
        if self._core not in text:
            return text
        return text.replace(_PREFIX + self._core, _MASK).replace(self._core, _MASK)


def _last_word(text: str) -> str:
    """Return what stands at the end of a text in signs of which keys are made."""
    return text[len(text.rstrip(_SIGNS)) :]


def _encodings_of(key: str) -> tuple[str, ...]:
    """Return the base64 of a key, wherever in a text it stands: the part that depends on the key alone."""
    found: dict[str, None] = {}
    data = key.encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode()
        part = whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        found |= dict.fromkeys((part, part.translate(_URL_SAFE)))
    return tuple(found)


def _without_escapes(text: str) -> str:
    """Undo one round of what JSON and pages do to text."""
    # In pairs: the second backslash of two escapes nothing.
    return "\\".join(map(_without_backslashes, text.split("\\\\")))


def _without_backslashes(text: str) -> str:
    if not text:
        return text
    first, *rest = text.split("\\")
    return "".join([_without_references(first), *map(_behind_backslash, rest)])


def _behind_backslash(text: str) -> str:
    found = _BEHIND_BACKSLASH.match(text) if text[:1] in ("u", "x") else None
    if found is not None:
        return chr(int(found[1] or found[2], 16)) + _without_references(text[found.end() :])
    return text[:1] + _without_references(text[1:]) if text else "\\"


def _without_references(text: str) -> str:
    if "&" not in text:
        return text
    first, *rest = text.split("&")
    return "".join([first, *map(_behind_ampersand, rest)])


def _behind_ampersand(text: str) -> str:
    found = _BEHIND_AMPERSAND.match(text) if text else None
    character = _character(*found.groups()) if found else None
    return "&" + text if found is None or character is None else character + text[found.end() :]


def _unescaped(text: str) -> str:
    """Undo one round of what JSON, pages and addresses do to text."""
    text = _without_escapes(text)
    return unquote(text) if "%" in text else text


def _unescaped_form(text: str) -> str:
    """Undo one round of the same, in a form, where a plus is a blank."""
    return unquote_plus(_without_escapes(text)) if "+" in text else text


def _with_blanks(text: str) -> str:
    """Undo no more of a form than its blanks."""
    return text.replace("+", " ")


def _ways(key: str) -> Iterator[Callable[[str], str]]:
    """Yield what undoes the escapes in which a key may stand; of some keys, one alone would undo too much."""
    yield _without_escapes
    yield _unescaped
    if "\\" in key:
        yield unescape
        yield unquote
    if " " in key:
        yield _unescaped_form
        yield _with_blanks


def _character(decimal: str | None, hexadecimal: str | None, name: str | None) -> str | None:
    if name:
        return _NAMED.get(name)
    return chr(int(decimal) if decimal else int(hexadecimal or "", 16))
