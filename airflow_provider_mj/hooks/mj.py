"""From an Airflow connection to a gateway: the only place that reads a connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import BaseHook, mask_secret

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import CannotReadError, GatewayError
from airflow_provider_mj.gateway.settings import GatewaySettings, SettingsError
from airflow_provider_mj.get_provider_info import CONNECTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_mj.gateway.keylog import LogRow
    from airflow_provider_mj.gateway.submissions import Submission
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.gateway.waiting import Seen

_T = TypeVar("_T")


class MJHook(BaseHook):
    """Talks to the Midjourney-proxy gateway of an Airflow connection.

    The connection (type ``mj``) has the gateway's URL as host and the key as password. Its extra may hold
    ``auth_scheme`` (``bearer``, ``raw``, ``mj-api-secret``), ``path_prefix`` (``/mj``), ``connect_timeout``,
    ``read_timeout``, ``submit_timeout`` (seconds), ``verify`` (true, false, or the path of a CA bundle) and
    ``allow_private_image_hosts`` (whether pictures may be fetched from addresses that are not public) and
    ``image_host`` (the address of a mirror of Discord's CDN, or ``gateway`` if that answers with localhost).

    :param mj_conn_id: id of the Airflow connection.
    """

    conn_name_attr = "mj_conn_id"
    default_conn_name = "mj_default"
    conn_type = CONNECTION_TYPE["connection-type"]
    hook_name = CONNECTION_TYPE["hook-name"]

    def __init__(self, mj_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(mj_conn_id, str) or not mj_conn_id.strip():
            raise ValueError("mj_conn_id must be the id of an Airflow connection of type mj")
        self.mj_conn_id = mj_conn_id
        self._may_read = False

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Give the form's labels to Airflow before 3.2; later ones read them in the provider info."""
        behaviour = CONNECTION_TYPE["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the form's fields to Airflow before 3.2; later ones read them in the provider info."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField

        return {
            name: StringField(
                conn_field["label"],
                description=conn_field.get("description", ""),
                default=str(conn_field["schema"]["default"]),
                widget=BS3TextFieldWidget(),
            )
            for name, conn_field in CONNECTION_TYPE["conn-fields"].items()
        }

    @cached_property
    def settings(self) -> GatewaySettings:
        """Where the connection's gateway is and how to talk to it; the key is masked in Airflow's logs.

        :raises SettingsError: when the connection's values can't be used.
        """
        settings = gateway_settings(self.get_connection(self.mj_conn_id))
        if settings.key:
            mask_secret(settings.key)
        return settings

    @cached_property
    def client(self) -> GatewayClient:
        """The client of the connection's gateway.

        :raises SettingsError: when the connection's values can't be used.
        """
        return GatewayClient(self.settings)

    def get_conn(self) -> GatewayClient:
        """Give the client of the connection's gateway."""
        return self.client

    @property
    def gateway(self) -> str:
        """The gateway's host and port, as messages name it."""
        return self.client.gateway

    def get_task(self, mj_task_id: str) -> Task:
        """Ask for one task.

        :param mj_task_id: the remote task.
        :returns: the task as the gateway tells it now.
        :raises TaskNotFoundError: the gateway does not know it (yet).
        :raises GatewayError: any other failure.
        """
        return self.client.fetch(mj_task_id)

    def get_tasks(self, mj_task_ids: Iterable[str]) -> dict[str, Task]:
        """Ask for many tasks at once, at most 200 a request.

        Some gateways fill only a few fields here (no buttons); :meth:`get_task` gives a task whole.

        :param mj_task_ids: the remote tasks.
        :returns: the tasks by id; an id that is absent is unknown to the gateway, or was left out.
        :raises GatewayError: when a request fails.
        """
        return self.client.list_by_condition(mj_task_ids)

    def look(self, mj_task_ids: Sequence[str]) -> dict[str, Seen]:
        """Look at several tasks for a wait; see :meth:`.GatewayClient.look`."""
        return self.client.look(mj_task_ids)

    def look_alone(self, mj_task_id: str) -> Task | GatewayError:
        """Look at one task for a wait; see :meth:`.GatewayClient.look_alone`."""
        return self.client.look_alone(mj_task_id)

    def get_whole(self, mj_task_ids: Sequence[str]) -> dict[str, Task]:
        """Ask for several tasks with all their fields; see :meth:`.GatewayClient.get_whole`."""
        return self.client.get_whole(mj_task_ids)

    def submit(self, action: str, body: Mapping[str, Any]) -> Submission:
        """Submit a job: the call that is paid for. It is never repeated once it may have arrived.

        :param action: ``imagine``, ``action``, ``modal``, ``blend``, ``describe``, ``shorten``, ``edits``,
            ``video``, ``swap-face``, ... as in the gateway's paths.
        :param body: the JSON body of the job, e.g. ``{"prompt": "a cat"}``.
        :returns: what the gateway made of it; ``mj_task_id`` is the task to wait for.
        :raises SubmissionError: it was refused, nothing was paid.
        :raises SubmissionUnknownError: nobody knows whether it was paid.
        :raises GatewayError: any other failure; nothing was paid.
        """
        self._check_reading()
        return self.client.submit(action, body)

    def _check_reading(self) -> None:
        """See before the first submission that the key may also read what it pays for.

        new-api takes submissions from a key that is limited to some models, charges it, and shows it no task.

        :raises CannotReadError: when it may not; nothing was submitted.
        """
        if self._may_read:
            return
        try:
            self.client.check(attempts=1)
        except CannotReadError:
            raise
        except GatewayError:
            # Whatever it is, the submission will tell it better.
            return
        self._may_read = True

    def ignores_edit_masks(self) -> bool:
        """Find out whether masks of edits are dropped; see :meth:`.GatewayClient.ignores_edit_masks`."""
        return self.client.ignores_edit_masks()

    @property
    def path(self) -> str:
        """The path below which the gateway serves its calls, such as ``/mj-fast/mj``."""
        return urlsplit(self.client.settings.base_url).path

    @property
    def submit_timeout(self) -> float:
        """Seconds after which a submission can't be under way any more."""
        return self.client.settings.submit_timeout

    def list_newest(self) -> list[Task]:
        """Give the tasks that the gateway shows of itself; see :meth:`.GatewayClient.list_newest`."""
        return self.client.list_newest()

    def read_newest(self, read: Callable[[Iterable[Task]], _T]) -> _T:
        """Read these tasks one by one; see :meth:`.GatewayClient.read_newest`."""
        return self.client.read_newest(read)

    def key_log(self) -> Sequence[LogRow]:
        """Give what the key was charged for, where the gateway tells; see :meth:`.GatewayClient.key_log`."""
        return self.client.key_log()

    def cancel(self, mj_task_id: str) -> None:
        """Cancel a task, where the gateway can.

        :param mj_task_id: the remote task.
        :raises GatewayError: when it refuses, or has no such call.
        """
        self.client.cancel(mj_task_id)

    def image_seed(self, mj_task_id: str) -> str:
        """Ask for the seed of a finished picture, which takes up to a minute.

        :param mj_task_id: the remote task.
        :returns: the seed.
        :raises GatewayError: when the gateway can't tell.
        """
        return self.client.image_seed(mj_task_id)

    def upload_images(self, images: Sequence[str]) -> tuple[str, ...]:
        """Upload pictures to Discord through the gateway.

        :param images: the pictures as data URIs.
        :returns: their addresses, in the same order.
        :raises GatewayError: as for :meth:`submit`.
        """
        return self.client.upload_images(images)

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection with a few calls that cost nothing.

        ``python -m airflow_provider_mj.check`` finds out more.

        :returns: whether the provider can use the gateway, and in words what is wrong, or what it looks like
            and whether a lost submission is found there.
        """
        from airflow_provider_mj.check.probes import SHORT, look
        from airflow_provider_mj.check.report import summary

        try:
            return summary(look(self.settings, probes=SHORT))
        except SettingsError as error:
            return False, str(error)


def gateway_settings(connection: Connection, extra: Mapping[str, Any] | None = None) -> GatewaySettings:
    """Read a connection.

    :param connection: an Airflow connection of type ``mj``, from the form, a URI or JSON.
    :param extra: its extra, where that was read without blocking; else it is read here.
    :returns: the settings for a client.
    :raises SettingsError: when its values can't be used; the message names the connection.
    """
    try:
        if connection.login and not connection.password:
            raise SettingsError("it has a login and no password: the key belongs into the password")
        return GatewaySettings.parse(
            host=connection.host,
            key=connection.password,
            schema=connection.schema,
            port=connection.port,
            extra=connection.extra_dejson if extra is None else extra,
        )
    except SettingsError as error:
        raise SettingsError(f"Airflow connection {connection.conn_id!r}: {error}") from None
