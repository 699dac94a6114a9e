"""Arguments of operators that Airflow may render, and must not show.

Airflow keeps every rendered argument in its database and shows it in the UI. A picture is megabytes of base64
there, and a finished task has signed links in it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.rendering import holds_template, is_mapped, is_rendered, is_template, leaves

if TYPE_CHECKING:
    from collections.abc import Iterable

_ONE = (str, bytes, bytearray, memoryview, os.PathLike, Mapping)
_OF_PARENT = ("id", "status", "action", "buttons")
_MODAL_KEYS = frozenset(("prompt", "mask"))
# Compiled when they are needed: a DAG file is parsed more often than it runs.
_ID = r"[A-Za-z0-9_.-]{1,80}"
# A list or a dict, and no text that begins like a template.
_DATA = r"\[|\{(?![{%#])"


class Sealed:
    """A picture or task that operators work with; it shows where it is from, never its content.

    No renderer walks into it, so that no text in it is ever taken for a template.

    :param value: what the DAG author gave, or another task.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        from airflow_provider_mj.images import describe_source

        if isinstance(self.value, Mapping):
            return f"task {_shown_id(self.value.get('id'))}"
        return describe_source(self.value)

    def __getitem__(self, key: str) -> Any:
        return self.value[key]


class SealedTask(Sealed):
    """A task that was given as something else than a dict; what is no id is not shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"task {_shown_id(self.value)}"


class _Field:
    """An argument that is sealed as soon as it is known: when it was written, or when it is rendered."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_kept_{name}"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else instance.__dict__[self._name]

    def __set__(self, instance: object, value: Any) -> None:
        instance.__dict__[self._name] = self._known(instance, value)

    def _known(self, instance: object, value: Any) -> Any:
        if is_rendered(instance):
            return self.keep(value, all_known=True)
        # Airflow knows by its identity what came out of XCom; what the author wrote is still to be rendered.
        if is_mapped(instance) and holds_template(value):
            return value
        return value if is_unrendered(value) else self.keep(value)

    def keep(self, value: Any, *, all_known: bool = False) -> Any:
        """Return what is kept of a value.

        :param value: the argument.
        :param all_known: whether everything is rendered, and no text can be a template any more.
        """
        raise NotImplementedError

    def _keep_each(self, values: Iterable[Any], *, all_known: bool) -> list[Any]:
        """Keep each of several; a list in a list is none of ours, and may be deeper than Airflow walks."""
        return [
            Sealed(one) if _is_known_list(one, all_known=all_known) else self.keep(one, all_known=all_known)
            for one in values
        ]


class PictureField(_Field):
    """A picture, or a list of them."""

    def keep(self, value: Any, *, all_known: bool = False) -> Any:
        """Seal each picture; what can be read once only is kept: it is named before it is sent."""
        if isinstance(value, Iterator):
            value = list(value)
        if isinstance(value, list | tuple):
            return self._keep_each(value, all_known=all_known)
        return _sealed(value, all_known=all_known)


class ModalField(_Field):
    """The answer to a window: ``prompt`` and ``mask``."""

    def keep(self, value: Any, *, all_known: bool = False) -> Any:
        """Seal the mask.

        :raises ValueError: when there are other keys.
        """
        if value is None:
            return None
        if not isinstance(value, Mapping) or not value.keys() <= _MODAL_KEYS:
            raise ValueError("modal must be a dict with prompt, mask or both")
        return {"prompt": value.get("prompt"), "mask": _sealed(value.get("mask"), all_known=all_known)}


class ParentField(_Field):
    """A task as it stands in XCom, without its links; or its id."""

    def keep(self, value: Any, *, all_known: bool = False) -> Any:
        """Seal what pressing a button needs; a dict that an author wrote may hold templates."""
        value = _parsed(value)
        if not isinstance(value, Mapping):
            return _sealed_id(value, all_known=all_known)
        kept = {key: value[key] for key in _OF_PARENT if key in value}
        return kept if not all_known and _holds_unrendered(kept) else Sealed(kept)


class TaskField(_Field):
    """A finished task as it stands in XCom, its id, or a list of either."""

    def keep(self, value: Any, *, all_known: bool = False) -> Any:
        """Seal each task, since it holds signed links."""
        value = _parsed(value)
        if isinstance(value, list | tuple):
            return self._keep_each(value, all_known=all_known)
        return _sealed_id(value, all_known=all_known)


def _sealed(value: Any, *, all_known: bool) -> Any:
    """Seal a value, unless it has still to be rendered."""
    if value is None or isinstance(value, Sealed) or (not all_known and is_unrendered(value)):
        return value
    return Sealed(value)


def _sealed_id(value: Any, *, all_known: bool) -> Any:
    """Seal a value, unless it is an id, which may be shown; a text that is none may be a link."""
    if isinstance(value, str) and not re.fullmatch(_ID, value[:81]):
        return value if is_template(value) and not all_known else SealedTask(value)
    return value if isinstance(value, str | int) else _sealed(value, all_known=all_known)


def _shown_id(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    return text if re.fullmatch(_ID, text[:81]) else "without a usable id"


def _parsed(value: Any) -> Any:
    """Return the task or the list that Jinja, unless it renders native objects, has made text of."""
    if not isinstance(value, str) or not re.match(_DATA, text := value.strip()):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise ValueError("task must be a task as it stands in XCom, or its id")


def _is_known_list(value: Any, *, all_known: bool) -> bool:
    return isinstance(value, list | tuple) and (all_known or not _holds_unrendered(value))


def _holds_unrendered(value: Any) -> bool:
    """Return whether a template or an ``XComArg`` is in a value, at any depth."""
    return any(map(is_unrendered, leaves(value)))


def is_unrendered(value: object) -> bool:
    """Tell a template or an ``XComArg`` from a value."""
    return is_template(value) or (hasattr(value, "resolve") and not isinstance(value, os.PathLike))


def unsealed(value: Any) -> list[Any]:
    """Give what a field holds that may hold several."""
    if value is None:
        return []
    if isinstance(value, (*_ONE, Sealed)):
        one: Any = value.value if isinstance(value, Sealed) else value
        # The XComs of mapped tasks come as a lazy sequence of a class of its own.
        is_one = isinstance(one, _ONE) or not hasattr(one, "__iter__")
        return [one] if is_one else list(one)
    if not hasattr(value, "__iter__"):  # an ObjectStoragePath, which is no template either
        return [value]
    return [one.value if isinstance(one, Sealed) else one for one in value]


def as_written(value: Any) -> Any:
    """Give an argument as its author wrote it, as JSON: a URL, not what is there; an id, not a task.

    Bytes and data URIs are named by their digest.
    """
    if isinstance(value, Sealed):
        return as_written(value.value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, Mapping):
        inside = {"id": value["id"]} if "id" in value and "status" in value else value
        return {str(key): as_written(one) for key, one in inside.items()}
    if isinstance(value, str | os.PathLike) or not hasattr(value, "__iter__"):
        text = _without_signatures(str(value))
        return text if len(text) <= _LONG else hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return [as_written(one) for one in value]


_LONG = 2000
# How links are signed: by Discord, Amazon (in two ways), Google, CloudFront, Azure. All of the first of a
# pair are there then, and the second are cut off.
_SIGNATURES = (
    (("ex", "is", "hm"), ("ex", "is", "hm")),
    (("x-amz-signature",), ("x-amz-",)),
    (("awsaccesskeyid", "signature", "expires"), ("awsaccesskeyid", "signature", "expires")),
    (("x-goog-signature",), ("x-goog-",)),
    (("key-pair-id", "signature"), ("key-pair-id", "signature", "expires", "policy")),
    (
        ("sv", "sig"),
        ("sv", "sig", "se", "st", "sp", "sr", "spr", "ske", "skt", "sks", "skv", "skoid", "sktid"),
    ),
)


def _without_signatures(text: str) -> str:
    """Cut off addresses what only signs them: the same picture has another one in the next run."""
    return " ".join(map(_without_signature, text.split())) if "?" in text else text


def _without_signature(word: str) -> str:
    address, mark, query = word.partition("?")
    if not mark or not address.lower().startswith(("http://", "https://")):
        return word
    pairs = {pair: pair.partition("=")[0].lower() for pair in query.split("&")}
    for needed, begins in _SIGNATURES:
        if set(pairs.values()) >= set(needed):
            pairs = {pair: name for pair, name in pairs.items() if not _signs(name, begins)}
    return "?".join(filter(None, (address, "&".join(pairs))))


def _signs(name: str, begins: tuple[str, ...]) -> bool:
    return any(name == one or (one.endswith("-") and name.startswith(one)) for one in begins)
