"""Searching texts for secrets in every spelling."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from echoing_gateway import SPELLINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Characters of a key that are enough: a message that is cut may hold no more.
BEGINNING = 12
AROUND = 80


def needles(secret: str) -> dict[str, str]:
    """Give every spelling of a secret that is searched for, and of its beginning, the longest first.

    Logs, XComs and events are JSON, some in JSON, so each spelling is looked for as it stands there, too.
    """
    found = {}
    for what, text in (("", secret), ("beginning as ", secret[:BEGINNING])):
        for name, spell in SPELLINGS.items():
            # The end of base64 depends on what follows.
            spelling = spell(text).rstrip("=")[:-1] if name.startswith("base64") else spell(text)
            for depth in ("", " in JSON", " in JSON in JSON"):
                found.setdefault(spelling, f"{what}{name}{depth}")
                spelling = json.dumps(spelling)[1:-1]
    return {name: text for text, name in sorted(found.items(), key=lambda item: -len(item[0]))}


def leaks(texts: dict[str, str], secrets: dict[str, dict[str, str]]) -> list[str]:
    """Name each place that holds a secret, its spellings, and what stands around the first."""
    found: dict[tuple[str, str], tuple[list[str], str]] = {}
    for place, text in texts.items():
        for secret, spellings in secrets.items():
            for spelling, needle in spellings.items():
                at = text.find(needle)
                if at >= 0:
                    shown = _hidden(re.sub(r"^logs/.*?/task_id=| #\d+", "", place), secrets)
                    around = _around(text, at, needle, secrets)
                    found.setdefault((shown, secret), ([], around))[0].append(spelling)
    return [
        f"{place}: {secret} as {', '.join(dict.fromkeys(spellings))}: {around!r}"
        for (place, secret), (spellings, around) in found.items()
    ]


def _around(text: str, at: int, needle: str, secrets: dict[str, dict[str, str]]) -> str:
    # More is looked at than is shown, so that nothing that is cut stays unknown.
    before, after = text[max(0, at - 20 * AROUND) : at], text[at + len(needle) : at + 20 * AROUND]
    return f"{_hidden(before, secrets)[-AROUND:]}<KEY>{_hidden(after, secrets)[:AROUND]}"


def _hidden(text: str, secrets: dict[str, dict[str, str]]) -> str:
    for spellings in secrets.values():
        for needle in spellings.values():
            text = text.replace(needle, "<KEY>")
    return text


def decoded(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    # Airflow 3 stores JSON as a JSON text.
    return decoded(value) if isinstance(value, str) else value


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}.(key)", str(key)
            yield from strings(item, f"{path}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from strings(item, f"{path}[{number}]")
    elif isinstance(value, str):
        yield path, value
