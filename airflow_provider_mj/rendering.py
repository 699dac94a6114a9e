"""Rendering of templates, of what an author wrote only: what comes out of XCom may be a gateway's text.

Airflow renders a mapped operator after its arguments have come out of XCom, and remembers by their identity
which of them it must not render. It forgets those that ``expand_kwargs`` brings (seen in 2.11 to 3.3),
and it renders whatever was copied since. A gateway's text that is rendered runs code in the worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RENDERED = "_mj_is_rendered"
_MARKS = ("{{", "{%", "{#")
_CONTAINERS = (Mapping, list, tuple, set, frozenset)
_MISSING = object()


def is_template(value: object) -> bool:
    """Return whether a text is a Jinja template, whose value is not known before the task runs."""
    return isinstance(value, str) and any(mark in value for mark in _MARKS)


def holds_template(value: object) -> bool:
    """Return whether Jinja would find a template in a value, at any depth."""
    return any(map(is_template, leaves(value)))


def leaves(value: object) -> Iterator[object]:
    """Yield what is in a value at any depth, in no order; what is in it several times may come once.

    Not by recursion: what comes out of XCom can be deeper than Python lets functions call each other.

    :param value: anything; of a mapping its values, and the items of a list, a tuple and a set.
    """
    stack = [value]
    # By identity; kept, so that no other is made where one of them was.
    walked: dict[int, object] = {}
    while stack:
        one = stack.pop()
        if not isinstance(one, _CONTAINERS):
            yield one
        elif id(one) not in walked:
            walked[id(one)] = one
            stack += one.values() if isinstance(one, Mapping) else one


def is_mapped(operator: object) -> bool:
    """Return whether an operator was made for one index of a mapped task, with arguments out of XCom."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def is_rendered(operator: object) -> bool:
    """Return whether the templates of an operator are, or are being, rendered: what is set then is none."""
    return _RENDERED in vars(operator)


class AuthorsTemplatesMixin:
    """Renders once, and only what the author of the DAG wrote; it goes before an operator's base class."""

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Any,
        jinja_env: Any,
        seen_oids: set[int],
    ) -> None:
        """Render the fields; Airflow calls this on the operator in order that it may be overridden."""
        if parent is self:
            if is_rendered(self):
                return  # the values of the first rendering are no templates
            vars(self)[_RENDERED] = True
            seen_oids |= {id(value) for value in foreign_values(self, context)}
        super()._do_render_template_fields(  # type: ignore[misc]
            parent, template_fields, context, jinja_env, seen_oids
        )


def foreign_values(operator: Any, context: Mapping[str, Any]) -> list[Any]:
    """Return the arguments that ``expand_kwargs`` has brought out of XCom.

    :param operator: one that was made for an index of a mapped task, or any other.
    :param context: Airflow's.
    :returns: the values themselves, since they are told by their identity; none for any other operator.
    """
    mapped = _mapped_task(operator)
    if mapped is None or not _is_row_foreign(mapped, context):
        return []
    given: Mapping[str, Any] = getattr(operator, "_BaseOperator__init_kwargs", {})
    return [*_others(given, mapped.partial_kwargs), *_others(*_function_arguments(given, mapped))]


def _mapped_task(operator: Any) -> Any:
    """Return the mapped task that an operator was made from."""
    dag = getattr(operator, "_dag", None) if is_mapped(operator) else None
    task = None if dag is None else dag.task_dict.get(operator.task_id)
    return task if hasattr(task, "partial_kwargs") else None


def _is_row_foreign(mapped: Any, context: Mapping[str, Any]) -> bool:
    """Return whether the arguments of this index come out of XCom all together."""
    inputs: list[Any] = [getattr(mapped, name, None) for name in ("op_kwargs_expand_input", "expand_input")]
    # What ``expand`` maps over is a dict of lists.
    rows = [one.value for one in inputs if one is not None and not isinstance(one.value, Mapping)]
    if not rows:
        return False
    # Rows that the author wrote are templates, but for one that another task gives.
    is_written = isinstance(rows[0], Sequence) and isinstance(rows[0][context["ti"].map_index], Mapping)
    return not is_written


def _others(given: Mapping[str, Any], written: Mapping[str, Any]) -> list[Any]:
    """Return the values that are not the author's own."""
    return [value for name, value in given.items() if value is not written.get(name, _MISSING)]


def _function_arguments(given: Mapping[str, Any], mapped: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the keyword arguments of a decorated function: all of them, and those the author wrote."""
    return given.get("op_kwargs") or {}, mapped.partial_kwargs.get("op_kwargs") or {}
