"""The operator that saves pictures before their links die."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_mj.arguments import seconds
from airflow_provider_mj.deferring import WaitsMixin
from airflow_provider_mj.operators.fields import TaskField, unsealed

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

    from airflow_provider_mj.gateway.download import Downloader
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.keeping.keeper import Keeper

    _Kept = list[tuple[Task, list[dict[str, Any]]]]

_SPLITS = ("auto", "never", "always")
_LINKS = ("imageUrl", "imageUrls", "videoUrl", "videoUrls")
_NAMED = 10
_ID = re.compile(r"[\w.-]{1,80}")
# Midjourney takes no longer ones.
_LONGEST_PROMPT = 6000
# An event is a row of Airflow's database, and what is in it comes from a gateway.
_PROMPTS_OF_EVENT = 65536


class MJSaveImagesOperator(WaitsMixin, BaseOperator):
    """Save the pictures of finished tasks into a storage of your own, each with its history beside it.

    Links of pictures live for a day. A grid of four becomes four files, numbered like U1 to U4. Saving again
    writes the same names with the same bytes, and no half file is ever seen. Where one task of a list can't
    be saved the others are, and then the operator fails.

    :param task: a task as it stands in XCom, its id, or a list of either (templated). Airflow stores only the
        ids of what is passed here. What a wait in ``min_success`` let pass without success is left out.
    :param destination: the folder: ``file:///data/pictures``, ``s3://conn@bucket/pictures``, ... or an
        ``ObjectStoragePath`` (templated).
    :param mj_conn_id: id of the Airflow connection of type ``mj`` (templated).
    :param split: ``auto`` takes single pictures where the gateway gives them, and cuts what has the buttons
        U1 to U4; ``always`` cuts every picture, ``never`` none. Cutting needs Pillow. Of a video, each clip
        is a file.
    :param name: names of the files without their ending, with ``{id}``, ``{index}`` (from 1; 0 for an only
        file) and ``{action}``.
    :param max_bytes: the most bytes of a picture.
    :param timeout: seconds for each download, above 0.
    """

    template_fields: Sequence[str] = ("task", "destination", "mj_conn_id")
    task = TaskField()
    cancel_on_kill = False
    _saved: Sequence[dict[str, Any]] = ()

    def __init__(
        self,
        *,
        task: Any,
        destination: str | os.PathLike[str] | ObjectStoragePath,
        mj_conn_id: str = "mj_default",
        split: str = "auto",
        name: str = "{id}_{index}",
        max_bytes: int = 64 * 1024 * 1024,
        timeout: float | timedelta = 120.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        from airflow_provider_mj.keeping.names import check_template

        if split not in _SPLITS:
            raise ValueError(f"split must be one of {', '.join(_SPLITS)}; got {split!r}")
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise ValueError(f"max_bytes must be a whole number from 1; got {max_bytes!r}")
        check_template(name, is_split=split != "never")
        self.task = task
        self.destination = destination
        self.mj_conn_id = mj_conn_id
        self.split = split
        self.name = name
        self.max_bytes = max_bytes
        self.timeout = seconds("timeout", timeout)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Save.

        :returns: for each file ``uri, index, width, height, bytes, sha256, contentType``.
        :raises AirflowFailException: for what no retry can mend: a dead link, no picture, a refused address.
        """
        wanted = self._wanted(unsealed(self.task))
        kept, failed = self._keep_all(wanted) if wanted else ([], [])
        self._saved = [picture for _, pictures in kept for picture in pictures]
        if failed:
            raise _failure(failed, len(wanted), self._saved) from failed[0][1]
        self._tell_assets(context, kept)
        return list(self._saved)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 (a fixed signature)
        """Give the saved files to OpenLineage.

        :returns: an ``OperatorLineage``; None where that provider is not installed.
        """
        from airflow_provider_mj.keeping.addresses import dataset

        try:
            extractors = import_module("airflow.providers.openlineage.extractors")
            events = import_module("openlineage.client.event_v2")
        except ImportError:
            return None
        outputs = [events.Dataset(*dataset(picture["uri"])) for picture in self._saved]
        return extractors.OperatorLineage(outputs=outputs)

    def _wanted(self, given: list[Any]) -> list[Any]:
        """Leave out what the wait before has let pass, unless nothing else is there."""
        wanted = [one for one in given if not _was_let_pass(one)]
        if self.task is None:
            raise AirflowFailException("task is None: what it comes from has returned no task")
        if not wanted:
            return given
        for one in given:
            if _was_let_pass(one):
                what = f"Task {one.get('id')} is {one['status']}" if one else "A task that was never seen"
                self.log.warning("%s and is left out", what)
        return wanted

    def _keep_all(self, wanted: list[Any]) -> tuple[_Kept, list[tuple[str, Exception]]]:
        """Save what can be saved, and give what could not, with the name of its task."""
        kept: _Kept = []
        failed: list[tuple[str, Exception]] = []
        with self._downloader() as downloader, self._keeper(downloader) as keeper:
            for one in wanted:
                # Links die: nothing about one task may cost another its picture.
                try:
                    task = self._task(one)
                    kept.append((task, keeper.keep(task)))
                except Exception as error:
                    failed.append((_label(one, keeper.settings.gateway), error))
                    if len(wanted) > 1:
                        self.log.warning("%s: %s", *failed[-1], exc_info=not _is_expected(error))
        return kept, failed

    def _tell_assets(self, context: Context, kept: _Kept) -> None:
        """Say in the events of the outlets what is new: an alias gets an asset for each picture."""
        from airflow.providers.common.compat.sdk import Asset, AssetAlias

        from airflow_provider_mj.keeping.addresses import asset_uri

        news: list[Any] = _news(kept)
        for outlet in self.outlets:
            if isinstance(outlet, AssetAlias):
                for one in news:
                    context["outlet_events"][outlet].add(Asset(asset_uri(one["uri"])), extra=one)
            elif isinstance(outlet, Asset):
                first = news[0] if news else {}
                context["outlet_events"][outlet].extra.update({**first, "pictures": [*news]})

    def _downloader(self) -> Downloader:
        from airflow_provider_mj.gateway.download import Downloader

        return Downloader.of(self.hook.client.settings)

    def _keeper(self, downloader: Downloader) -> Keeper:
        from airflow_provider_mj.keeping.keeper import Keeper
        from airflow_provider_mj.keeping.sources import Split
        from airflow_provider_mj.keeping.storing import Folder

        try:
            folder = Folder.at(self.destination)
        except (ValueError, ImportError) as error:
            raise AirflowFailException(str(error)) from error
        return Keeper(
            folder=folder,
            settings=self.hook.client.settings,
            downloader=downloader,
            fetch_task=self._fetched,
            log=self.log,
            split=Split(self.split),
            name=self.name,
            max_bytes=self.max_bytes,
            timeout=self.timeout,
        )

    def _task(self, given: Any) -> Task:
        """Give a task as it stands in XCom, or ask for it where only its id is known."""
        from airflow_provider_mj.gateway.task import Task, TaskStatus

        if not isinstance(given, Mapping):
            return self._fetched(given)
        if given.get("status") == TaskStatus.SUCCESS and any(given.get(link) for link in _LINKS):
            return Task.from_wire(given)
        return self._fetched(given.get("id"))

    def _fetched(self, mj_task_id: Any) -> Task:
        """Ask for a task."""
        from airflow_provider_mj.gateway.ids import valid_task_id

        return self.hook.get_task(valid_task_id(mj_task_id))


def _news(kept: _Kept) -> list[dict[str, Any]]:
    """Give what the event of an asset says of each picture; all prompts together are bounded."""
    pictures = [(task, picture) for task, saved in kept for picture in saved]
    longest = min(_LONGEST_PROMPT, _PROMPTS_OF_EVENT // max(1, len(pictures)))
    return [
        {
            "uri": picture["uri"],
            "id": task.id,
            "prompt": task.prompt and task.prompt[:longest],
            "sha256": picture["sha256"],
        }
        for task, picture in pictures
    ]


def _was_let_pass(given: Any) -> bool:
    """Tell a task that is in XCom without success; an id says nothing."""
    from airflow_provider_mj.gateway.task import TaskStatus

    return given is None or (
        isinstance(given, Mapping) and given.get("status") not in (None, TaskStatus.SUCCESS)
    )


def _label(given: Any, gateway: str) -> str:
    """Name a task as a DAG author knows it; what is no id may be a link, which is not to be seen."""
    found = given.get("id") if isinstance(given, Mapping) else given
    name = str(found) if isinstance(found, str | int) else ""
    return f"task {name if _ID.fullmatch(name) else 'without a usable id'} at gateway {gateway}"


def _failure(failed: Sequence[tuple[str, Exception]], total: int, saved: Sequence[Any]) -> Exception:
    """Give what the operator fails with: for a retry, if that helps one of them."""
    parts = [f"{label}: {error}" for label, error in failed[:_NAMED]]
    if more := [label for label, _ in failed[_NAMED:]]:
        parts.append(f"In the log is what became of {', '.join(more)}.")
    if total > 1:
        of_others = f"; {len(saved)} files of the others were" if saved else ""
        parts.insert(0, f"{len(failed)} of {total} tasks were not saved{of_others}.")
    text = " ".join([*parts, "Saving again is not paid for."])
    return RuntimeError(text) if any(map(_is_worth_a_retry, failed)) else AirflowFailException(text)


def _is_worth_a_retry(failed: tuple[str, Exception]) -> bool:
    error = failed[1]
    return bool(getattr(error, "retry_helps", not _is_expected(error)))


def _is_expected(error: Exception) -> bool:
    """Tell errors that say what is wrong from what nobody has thought of."""
    from airflow_provider_mj.keeping.grids import PillowMissingError

    return hasattr(error, "retry_helps") or isinstance(error, (PillowMissingError, ValueError))
