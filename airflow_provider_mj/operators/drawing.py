"""The operators that begin with a prompt or with pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_mj.operators.base import MJSubmitOperator
from airflow_provider_mj.operators.fields import PictureField, is_unrendered, unsealed
from airflow_provider_mj.operators.publishing import publish
from airflow_provider_mj.rendering import is_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.gateway.jobs import Job


def _check_prompt(prompt: object) -> None:
    """Refuse an empty prompt when an operator is constructed; a template is checked when it is rendered."""
    if isinstance(prompt, str) and not is_template(prompt) and not prompt.strip():
        raise ValueError("prompt must not be empty")


class MJImagineOperator(MJSubmitOperator):
    """Draw a prompt.

    :param prompt: the prompt with its parameters (templated). White space is collapsed, and dashes of
        word processors before parameters become ``--``, since gateways lose such tasks.
    :param images: reference pictures: URLs, paths, ``ObjectStoragePath``, bytes or data URIs (templated).
    :param bot_type: ``MID_JOURNEY`` or ``NIJI_JOURNEY``; the gateway's default if None.
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "prompt", "images", "bot_type")
    images = PictureField()

    def __init__(
        self, *, prompt: str, images: Any = None, bot_type: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        _check_prompt(prompt)
        self.prompt = prompt
        self.images = images
        self.bot_type = bot_type

    def build_job(self) -> Job:
        """Give the imagine."""
        from airflow_provider_mj.gateway import jobs

        prompt = self._prompt(self.prompt)
        return jobs.imagine(prompt, images=self._pictures(self.images), bot_type=self.bot_type or None)


class MJBlendOperator(MJSubmitOperator):
    """Blend two to five pictures into one.

    :param images: the pictures: URLs, paths, ``ObjectStoragePath``, bytes or data URIs (templated).
    :param dimensions: ``PORTRAIT`` (2:3), ``SQUARE`` or ``LANDSCAPE`` (3:2) (templated).
    :param bot_type: ``MID_JOURNEY`` or ``NIJI_JOURNEY``; the gateway's default if None.
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "images", "dimensions", "bot_type")
    images = PictureField()

    def __init__(
        self, *, images: Any, dimensions: str = "SQUARE", bot_type: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.images = images
        self.dimensions = dimensions
        self.bot_type = bot_type
        if not is_unrendered(images) and not 2 <= len(unsealed(self.images)) <= 5:  # noqa: PLR2004
            raise ValueError(f"images must be 2 to 5 pictures to blend, got {len(unsealed(self.images))}")

    def build_job(self) -> Job:
        """Give the blend."""
        from airflow_provider_mj.gateway import jobs

        pictures = self._pictures(self.images)
        return jobs.blend(pictures, dimensions=self.dimensions, bot_type=self.bot_type or None)


class _PromptsOperator(MJSubmitOperator):
    """Ends in prompts: the return value is their list, and the task is in the XCom ``task``."""

    language: str | None = None

    def result(self, context: Context, tasks: Sequence[dict[str, Any]]) -> Any:
        """Give the prompts, wherever the gateway has put them."""
        from airflow_provider_mj.gateway.prompts import written_prompts

        (task,) = tasks
        if self.do_xcom_push:
            publish(context, tasks)
            context["ti"].xcom_push(key="task", value=task)
        return written_prompts(task, self.language)


class MJDescribeOperator(_PromptsOperator):
    """Let prompts be written for a picture; the return value is their list, the task is the XCom ``task``.

    :param image: the picture: URL, path, ``ObjectStoragePath``, bytes or data URI (templated).
    :param language: into which the prompts are translated, such as ``zh`` (templated). Where the gateway
        can't, they are English; what it wrote itself is in the task.
    :param bot_type: ``MID_JOURNEY`` or ``NIJI_JOURNEY``; the gateway's default if None.
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "image", "language", "bot_type")
    image = PictureField()

    def __init__(
        self, *, image: Any, language: str | None = None, bot_type: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.language = language
        self.bot_type = bot_type

    def build_job(self) -> Job:
        """Give the describe."""
        from airflow_provider_mj.gateway import jobs

        picture = self._picture(self.image)
        return jobs.describe(image=picture, language=self.language or None, bot_type=self.bot_type or None)


class MJShortenOperator(_PromptsOperator):
    """Let a prompt be analysed; the return value is the list of shorter ones, the task is the XCom ``task``.

    :param prompt: the prompt (templated).
    :param bot_type: ``MID_JOURNEY`` or ``NIJI_JOURNEY``; the gateway's default if None.
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "prompt", "bot_type")

    def __init__(self, *, prompt: str, bot_type: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check_prompt(prompt)
        self.prompt = prompt
        self.bot_type = bot_type

    def build_job(self) -> Job:
        """Give the shorten."""
        from airflow_provider_mj.gateway import jobs

        return jobs.shorten(self._prompt(self.prompt), bot_type=self.bot_type or None)


class MJEditsOperator(MJSubmitOperator):
    """Repaint a picture where it is transparent.

    :param prompt: what to draw (templated).
    :param image: the picture: URL, path, ``ObjectStoragePath``, bytes or data URI (templated).
    :param mask: where to repaint, for the gateways that take it apart from the picture (templated). Where
        trueai-org/midjourney-proxy is asked directly, which ignores it, nothing is submitted.
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "prompt", "image", "mask")
    image, mask = PictureField(), PictureField()

    def __init__(self, *, prompt: str, image: Any, mask: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check_prompt(prompt)
        self.prompt = prompt
        self.image = image
        self.mask = mask

    def build_job(self) -> Job:
        """Give the edit."""
        from airflow_provider_mj.gateway import jobs

        if self.mask is not None and self.hook.ignores_edit_masks():
            raise ValueError(
                f"gateway {self.hook.gateway} is trueai-org/midjourney-proxy, which ignores the mask of an "
                "edit: make transparent in the picture what is to be repainted, and give no mask; or press "
                "Vary (Region) with MJActionOperator, which takes one"
            )
        (picture,) = self._pictures([self.image])
        return jobs.edits(self._prompt(self.prompt), picture, mask=self._picture(self.mask))


class MJSwapFaceOperator(MJSubmitOperator):
    """Put the face of one picture into another.

    :param source: the face: URL, path, ``ObjectStoragePath``, bytes or data URI (templated).
    :param target: the picture that gets it, likewise (templated).
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "source", "target")
    source, target = PictureField(), PictureField()

    def __init__(self, *, source: Any, target: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.target = target

    def build_job(self) -> Job:
        """Give the swap."""
        from airflow_provider_mj.gateway import jobs

        source, target = self._pictures([self.source, self.target])
        return jobs.swap_face(source, target)


class MJVideoOperator(MJSubmitOperator):
    """Animate a picture, or extend a video that there is.

    :param prompt: what shall happen (templated); some gateways need it.
    :param image: the first picture: URL, path, ``ObjectStoragePath``, bytes or data URI (templated); needed
        unless a video is extended.
    :param end_image: the last picture, likewise (templated).
    :param motion: ``low`` or ``high`` (templated).
    :param loop: whether the end shall lead to the beginning.
    :param mj_task_id: the task whose video is extended (templated).
    :param index: which of its videos, 0 to 3.
    :param video_type: such as ``vid_1.1_i2v_480`` (the gateways' default) or ``vid_1.1_i2v_720``.
    :param batch_size: how many videos: 1, 2 or 4.
    :param kwargs: as for :class:`.MJSubmitOperator`.
    """

    template_fields: Sequence[str] = (
        *MJSubmitOperator.template_fields,
        *("prompt", "image", "end_image", "motion", "mj_task_id"),
    )
    drawn_by = (
        *("prompt", "image", "end_image", "motion", "mj_task_id"),
        *("loop", "index", "video_type", "batch_size"),
    )
    image, end_image = PictureField(), PictureField()

    def __init__(
        self,
        *,
        prompt: str | None = None,
        image: Any = None,
        end_image: Any = None,
        motion: str = "low",
        loop: bool | None = None,
        mj_task_id: str | None = None,
        index: int | None = None,
        video_type: str | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prompt = prompt
        self.image = image
        self.end_image = end_image
        self.motion = motion
        self.loop = loop
        self.mj_task_id = mj_task_id
        self.index = index
        self.video_type = video_type
        self.batch_size = batch_size

    def build_job(self) -> Job:
        """Give the video."""
        from airflow_provider_mj.gateway import jobs

        return jobs.video(
            self._prompt(self.prompt) if self.prompt else None,
            image=self._picture(self.image),
            end_image=self._picture(self.end_image),
            motion=self.motion,
            loop=self.loop,
            mj_task_id=self.mj_task_id or None,
            index=self.index,
            video_type=self.video_type,
            batch_size=self.batch_size,
        )


class MJUploadImagesOperator(MJSubmitOperator):
    """Upload pictures to Discord through the gateway; the return value is the list of their addresses.

    No task is made, so there is nothing to wait for. Some gateways charge for it, so a retry gives back what
    an earlier try has uploaded; and since nothing can be searched for, an upload whose answer was lost ends
    as "unknown" unless ``resubmit_if_unknown``.

    :param images: the pictures: URLs, paths, ``ObjectStoragePath``, bytes or data URIs (templated).
    :param kwargs: as for :class:`.MJSubmitOperator`, as far as it is about submitting.
    """

    template_fields: Sequence[str] = (*MJSubmitOperator.template_fields, "images")
    images = PictureField()

    def __init__(self, *, images: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.images = images

    def build_job(self) -> Job:
        """Give the upload."""
        from airflow_provider_mj.gateway import jobs

        return jobs.upload(self._pictures(self.images))
