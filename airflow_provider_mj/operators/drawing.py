"""The operators that begin with a prompt or with pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_mj.arguments import is_template
from airflow_provider_mj.deferring import WaitsMixin
from airflow_provider_mj.operators.base import MJSubmitOperator
from airflow_provider_mj.operators.fields import PictureField, is_unrendered, unsealed
from airflow_provider_mj.operators.publishing import publish

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

    :param prompt: the prompt with its parameters (templated). White space is collapsed, and long dashes
        before parameters become ``--``, since gateways lose such tasks.
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

    def result(self, context: Context, tasks: Sequence[dict[str, Any]]) -> Any:
        """Give the prompts, wherever the gateway has put them."""
        from airflow_provider_mj.gateway.prompts import prompt_lines

        (task,) = tasks
        texts = (task["promptEn"], task["prompt"], (task["properties"] or {}).get("finalPrompt"))
        lines = [prompt_lines(text) for text in texts if isinstance(text, str)]
        if self.do_xcom_push:
            publish(context, tasks)
            context["ti"].xcom_push(key="task", value=task)
        return max(lines, key=len, default=[])


class MJDescribeOperator(_PromptsOperator):
    """Let prompts be written for a picture; the return value is their list, the task is the XCom ``task``.

    :param image: the picture: URL, path, ``ObjectStoragePath``, bytes or data URI (templated).
    :param language: into which the prompts are translated, such as ``zh``, where the gateway can.
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
    :param mask: where to repaint, for the gateways that take it apart from the picture (templated).
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


class MJUploadImagesOperator(WaitsMixin, BaseOperator):
    """Upload pictures to Discord through the gateway; the return value is the list of their addresses.

    No task is made, so there is nothing to wait for. A retry uploads again.

    :param images: the pictures: URLs, paths, ``ObjectStoragePath``, bytes or data URIs (templated).
    :param mj_conn_id: id of the Airflow connection of type ``mj`` (templated).
    :param max_image_side: pixels to which the longer side of pictures is reduced; needs Pillow.
    """

    template_fields: Sequence[str] = ("images", "mj_conn_id")
    images = PictureField()
    cancel_on_kill = False

    def __init__(
        self, *, images: Any, mj_conn_id: str = "mj_default", max_image_side: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.images = images
        self.mj_conn_id = mj_conn_id
        self.max_image_side = max_image_side

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 (Airflow passes it)
        """Upload.

        :returns: the addresses, in the order of the pictures.
        """
        from airflow_provider_mj.gateway import jobs
        from airflow_provider_mj.gateway.errors import GatewayError
        from airflow_provider_mj.images import ImageInputError
        from airflow_provider_mj.operators.pictures import data_uris
        from airflow_provider_mj.polling import airflow_error

        try:
            job = jobs.upload(data_uris(unsealed(self.images), self.hook, self.max_image_side))
            return list(self.hook.upload_images(job.body["base64Array"]))
        except GatewayError as error:
            raise airflow_error(error) from error
        except ImageInputError:
            raise  # a file may be there at the next try
        except ValueError as error:
            raise AirflowFailException(str(error)) from error
