"""The operators that press a button, and answer the window that may open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.operators.base import MJSubmitOperator
from airflow_provider_mj.operators.fields import ModalField, ParentField, PictureField, unsealed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.gateway.task import Task


class MJActionOperator(MJSubmitOperator):
    """Press a button of a finished task: upscale, vary, zoom, pan, reroll, repaint, ...

    Some buttons open a window that waits for a prompt or a mask. Give the answer as ``modal``: it is sent
    once, and the task goes on. A window that opens unexpectedly, and has no answer, fails the operator; a
    later try with ``modal`` answers that same window without pressing again.

    :param task: the task as it stands in XCom, or its id (templated). Its links are not kept.
    :param button: label (``U2``, ``Vary (Region)``), emoji (``🔄``), customId, or segments of it
        (``upsample::2``) (templated).
    :param modal: ``{"prompt": ..., "mask": ...}``, either of which may be left out (templated). The mask is a
        picture like every other, white where to repaint; without a prompt the parent's is taken.
    :param remix: whether to ask for a window in which the prompt can be changed.
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "task", "button", "modal")
    drawn_by = ("button",)
    task, modal = ParentField(), ModalField()

    def __init__(
        self,
        *,
        task: Any,
        button: str,
        modal: dict[str, Any] | None = None,
        remix: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.task = task
        self.button = button
        self.modal = modal
        self.remix = remix

    def build_job(self) -> Job:
        """Give the press.

        :raises ButtonError: when the task has no such button, or several; it lists those that there are.
        """
        from airflow_provider_mj.gateway import buttons, jobs

        parent = self._parent()
        change = None if parent.buttons else buttons.change_for(self.button)
        if change is not None:
            # novicezk/midjourney-proxy tells no buttons and has another call for the commonest.
            return jobs.change(parent.id, *change)
        subject = f"task {parent.id} at gateway {self.hook.gateway}"
        button = buttons.find_button(parent.buttons, self.button, subject=subject)
        if buttons.opens_window(button.custom_id):
            self._check_answer(button.custom_id)
        return jobs.press(parent.id, button.custom_id, remix=self.remix)

    @property
    def asked_for(self) -> dict[str, Any]:
        """The press: of which button, of which task."""
        return {**super().asked_for, "task": self._parent_id, "button": self.button, "remix": self.remix}

    @property
    def answers_with(self) -> Any:
        """The answer to a window, as the author has written it."""
        return self.modal

    def answer_digest_before(self) -> str:
        """Name it as the release before has, which looked into the mask."""
        from airflow_provider_mj.gateway.jobs import Job
        from airflow_provider_mj.submitting.record import payload_digest

        if self.modal is None:
            return ""
        return payload_digest(Job("modal", {**self.modal, "mask": self._picture(self.modal["mask"])}))

    def answer_window(self, window: str) -> Job:
        """Give the answer to the window."""
        from airflow_provider_mj.gateway import jobs

        if self.modal is None:
            return super().answer_window(window)
        prompt = self.modal["prompt"] or self._window_prompt(window)
        mask = self._picture(self.modal["mask"])
        return jobs.modal(window, prompt=self._prompt(prompt) if prompt else None, mask=mask)

    def _check_answer(self, custom_id: str) -> None:
        """Refuse to open a window that could not be answered, before anything is paid."""
        if self.modal is None:
            raise ValueError(
                f"{self.button!r} opens a window that waits for an answer: give modal={{'prompt': ...}}"
            )
        if "Inpaint" in custom_id and self.modal["mask"] is None:
            raise ValueError(f"{self.button!r} needs a mask: give modal={{'mask': ..., 'prompt': ...}}")

    @property
    def _given(self) -> Any:
        return next(iter(unsealed(self.task)), None)

    @property
    def _parent_id(self) -> str:
        from airflow_provider_mj.gateway.ids import valid_task_id

        found = self._given.get("id") if isinstance(self._given, Mapping) else self._given
        # What is no text may be a list too deep to be written.
        return str(found) if found is None or isinstance(found, str) else valid_task_id(found)

    def _parent(self) -> Task:
        """Give the parent task, asking for it where what was passed does not tell enough."""
        from airflow_provider_mj.gateway.task import Task, TaskStatus

        given = self._given if isinstance(self._given, Mapping) else {}
        if given.get("buttons") and given.get("status") == TaskStatus.SUCCESS:
            return Task.from_wire(given)
        parent = self.hook.get_task(self._parent_id)
        if parent.status != TaskStatus.SUCCESS:
            raise ValueError(
                f"task {parent.id} at gateway {self.hook.gateway} is {parent.status or 'without a status'}; "
                "its buttons can be pressed when it is SUCCESS"
            )
        return parent

    def _window_prompt(self, window: str) -> str | None:
        """Give the prompt that the window shows; some gateways show none there, and the parent has it."""
        from airflow_provider_mj.gateway.task import Task

        for mj_task_id in (window, self._parent_id):
            task = self.hook.look_alone(mj_task_id)
            if not isinstance(task, Task):
                continue  # a window may not be there yet
            prompt = task.properties.get("finalPrompt") or task.prompt_en or task.prompt
            if prompt:
                return str(prompt)
        return None


class MJModalOperator(MJSubmitOperator):
    """Answer a window that somebody else's press has opened; one's own is answered by MJActionOperator.

    :param mj_task_id: the task that waits with status MODAL (templated).
    :param prompt: what to draw (templated); the gateway's choice if None.
    :param mask: white where to repaint: URL, path, ``ObjectStoragePath``, bytes or data URI (templated).
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "mj_task_id", "prompt", "mask")
    mask = PictureField()

    def __init__(
        self, *, mj_task_id: str, prompt: str | None = None, mask: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.mj_task_id = mj_task_id
        self.prompt = prompt
        self.mask = mask

    def build_job(self) -> Job:
        """Give the answer.

        :raises ValueError: when somebody has answered already, which would be charged once more.
        """
        from airflow_provider_mj.gateway import jobs

        self._check_waits()
        prompt = self._prompt(self.prompt) if self.prompt else None
        return jobs.modal(self.mj_task_id, prompt=prompt, mask=self._picture(self.mask))

    @property
    def window(self) -> str:
        """The task whose window is answered."""
        return str(self.mj_task_id)

    def _check_waits(self) -> None:
        from airflow_provider_mj.gateway.errors import GatewayError, TaskNotFoundError
        from airflow_provider_mj.gateway.task import has_gone_on

        seen = self.hook.look_alone(self.window)
        if isinstance(seen, TaskNotFoundError):
            return  # it may not be there yet, and the gateway refuses what it does not know
        if isinstance(seen, GatewayError):
            raise seen
        if has_gone_on(seen.status):
            raise ValueError(
                f"task {self.window} at gateway {self.hook.gateway} waits for no answer any more: it is "
                f"{seen.status}. Collect it with MJTaskResultOperator"
            )
