"""Arguments of operators that Airflow may render, and must not show.

Airflow keeps every rendered argument in its database and shows it in the UI. A picture is megabytes of base64
there, and a finished task has signed links in it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from typing import Any

from airflow_provider_mj.arguments import is_template

_ONE = (str, bytes, bytearray, memoryview, os.PathLike, Mapping)
_OF_PARENT = ("id", "status", "action", "buttons")
_MODAL_KEYS = frozenset(("prompt", "mask"))


class Sealed:
    """A picture or task that operators work with; it shows where it is from, never its content.

    :param value: what the DAG author gave.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        from airflow_provider_mj.images import describe_source

        if isinstance(self.value, Mapping):
            return f"task {self.value.get('id')}"
        return describe_source(self.value)


class _Field:
    """An argument that is changed whenever it is set, be it by an author or by rendering."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_kept_{name}"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else instance.__dict__[self._name]

    def __set__(self, instance: object, value: Any) -> None:
        instance.__dict__[self._name] = value if is_unrendered(value) else self.keep(value)

    def keep(self, value: Any) -> Any:
        """Give what is kept of a value."""
        raise NotImplementedError


class PictureField(_Field):
    """A picture, or a list of them."""

    def keep(self, value: Any) -> Any:
        """Seal each picture."""
        if isinstance(value, list | tuple):
            return [one if is_unrendered(one) else self.keep(one) for one in value]
        return value if value is None or isinstance(value, Sealed) else Sealed(value)


class ModalField(_Field):
    """The answer to a window: ``prompt`` and ``mask``."""

    def keep(self, value: Any) -> Any:
        """Seal the mask.

        :raises ValueError: when there are other keys.
        """
        if value is None:
            return None
        if not isinstance(value, Mapping) or not value.keys() <= _MODAL_KEYS:
            raise ValueError("modal must be a dict with prompt, mask or both")
        mask = value.get("mask")
        sealed = mask if mask is None or isinstance(mask, Sealed) or is_unrendered(mask) else Sealed(mask)
        return {"prompt": value.get("prompt"), "mask": sealed}


class ParentField(_Field):
    """A task as it stands in XCom, without its links; or its id."""

    def keep(self, value: Any) -> Any:
        """Keep what pressing a button needs."""
        value = _parsed(value)
        if not isinstance(value, Mapping):
            return value
        return {key: value[key] for key in _OF_PARENT if key in value}


class TaskField(_Field):
    """A finished task as it stands in XCom, its id, or a list of either."""

    def keep(self, value: Any) -> Any:
        """Seal each task, since it holds signed links."""
        value = _parsed(value)
        if isinstance(value, list | tuple):
            return [one if is_unrendered(one) else self.keep(one) for one in value]
        return value if value is None or isinstance(value, str | Sealed) else Sealed(value)


def _parsed(value: Any) -> Any:
    """Give the task or the list that Jinja, unless it renders native objects, has made text of."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ValueError("task must be a task as it stands in XCom, or its id") from None


def is_unrendered(value: object) -> bool:
    """Tell a template or an ``XComArg`` from a value."""
    return is_template(value) or (hasattr(value, "resolve") and not isinstance(value, os.PathLike))


def unsealed(value: Any) -> list[Any]:
    """Give what a field holds that may hold several."""
    if value is None:
        return []
    if isinstance(value, str | Sealed):
        one = value.value if isinstance(value, Sealed) else value
        # The XComs of mapped tasks come as a lazy sequence of a class of its own.
        is_one = isinstance(one, _ONE) or not hasattr(one, "__iter__")
        return [one] if is_one else list(one)
    if not hasattr(value, "__iter__"):  # an ObjectStoragePath, which is no template either
        return [value]
    return [one.value if isinstance(one, Sealed) else one for one in value]
