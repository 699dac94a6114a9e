"""Which poller serves which trigger, and the client that it asks with."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_mj.triggers.poller import Poller

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.client import GatewayClient

_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Task[Poller]]] = WeakKeyDictionary()


async def shared_poller(mj_conn_id: str) -> Poller:
    """Give the poller of a connection in this event loop; the first who asks makes it.

    :param mj_conn_id: id of the Airflow connection of type ``mj``.
    :returns: the poller. Subscribe to it before anything else is awaited: without subscribers it ends.
    :raises Exception: when the connection can't be read; whoever asks next tries again.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    if mj_conn_id not in pollers:
        pollers[mj_conn_id] = asyncio.create_task(_new_poller(mj_conn_id, pollers))
    making = pollers[mj_conn_id]
    try:
        # Shielded, since one trigger that is cancelled must not take the poller away from the others.
        return await asyncio.shield(making)
    except BaseException:
        if making.done() and pollers.get(mj_conn_id) is making:
            del pollers[mj_conn_id]
        raise


async def new_client(mj_conn_id: str) -> GatewayClient:
    """Make a client from a connection without blocking the event loop.

    :param mj_conn_id: id of the Airflow connection of type ``mj``.
    :returns: a client that sends each request once.
    :raises SettingsError: when the connection's values can't be used.
    """
    from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson

    # Importing HTTP libraries takes a third of a second, in which no other trigger could run.
    hooks = await asyncio.to_thread(import_module, "airflow_provider_mj.hooks.mj")
    connection = await get_async_connection(mj_conn_id)
    settings = hooks.gateway_settings(connection, await get_async_extra_dejson(connection))
    client: GatewayClient = hooks.GatewayClient(settings, attempts=1)
    return client


async def _new_poller(mj_conn_id: str, pollers: dict[str, asyncio.Task[Poller]]) -> Poller:
    client = await new_client(mj_conn_id)
    return Poller(client, forget=lambda: pollers.pop(mj_conn_id, None))
