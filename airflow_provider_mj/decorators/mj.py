"""``@task.mj_imagine``: the function says what to draw, and the task draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_mj.operators.mj import MJImagineOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context, TaskDecorator


_FROM_FUNCTION = ("prompt", "images", "bot_type", "state", "extra_body")
# What MJImagineOperator wants before the function has run.
_NOT_YET = "(the function has not run yet)"


class _MJImagineDecoratedOperator(DecoratedOperator, MJImagineOperator):
    """Calls the function in each try, and submits what it returns."""

    custom_operator_name = "@task.mj_imagine"
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(field for field in MJImagineOperator.template_fields if field not in ("prompt", "images")),
    )
    drawn_by = ("prompt", "images", "bot_type")
    template_fields_renderers = DecoratedOperator.template_fields_renderers

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("multiple_outputs", False):
            raise ValueError("@task.mj_imagine has one output, the task")
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            prompt=_NOT_YET,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Imagine; the base class's own would push several outputs, and in Airflow 3.0 it can't even one."""
        return MJImagineOperator.execute(self, context)

    def prepare(self, context: Context) -> None:
        """Call the function, and take over what it says. A retry that takes up a task does not call it."""
        context_merge(context, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, context)
        said = self.python_callable(*self.op_args, **kwargs)
        given = {"prompt": said} if isinstance(said, str) else said
        if not isinstance(given, dict) or "prompt" not in given or not given.keys() <= set(_FROM_FUNCTION):
            raise ValueError(
                "the function of @task.mj_imagine must return the prompt, or a dict with prompt and any of "
                f"{', '.join(_FROM_FUNCTION[1:])}"
            )
        for name, value in given.items():
            setattr(self, name, value)


def mj_imagine_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Draw what a function returns.

    That is the prompt, or a dict of ``prompt``, ``images``, ``bot_type``, ``state``, ``extra_body``. The
    function runs in each try, and should give the same each time: what it returns decides whether the task
    that an earlier try has paid for is still the answer.

    :param python_callable: the function.
    :param kwargs: as for :class:`.MJImagineOperator`.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=_MJImagineDecoratedOperator,
        **kwargs,
    )
