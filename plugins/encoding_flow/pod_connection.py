"""One connection to the cluster for all the pods that a triggerer watches.

The provider makes a client, with its TLS context and handshake, for each look at each pod, and for a kubeconfig that
gets its token from a program, it starts that program each time. That was half of what a watch took.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook
from kubernetes_asyncio.client import ApiClient

_KEPT_S = 60.0
"""Less than any token lasts; a renewed one is taken up by then."""


@dataclass(eq=False)
class _Connection:
    client: ApiClient
    closing: AsyncExitStack
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    until_s: float = field(default_factory=lambda: time.monotonic() + _KEPT_S)
    users: int = 0

    def is_good(self) -> bool:
        return self.loop is asyncio.get_running_loop() and time.monotonic() < self.until_s

    async def retire(self) -> None:
        """Lend it no more, and close it; where somebody is at it, the last one does."""
        self.until_s = 0
        if not self.users and self.loop is asyncio.get_running_loop():
            await self.closing.aclose()


_connections: dict[Hashable, _Connection] = {}


class SharingHook(AsyncKubernetesHook):
    """The provider's hook, with a client that all hooks of the same settings share for a while."""

    @asynccontextmanager
    async def get_conn(self) -> AsyncIterator[ApiClient]:
        """Lend the shared client; after an error the next one to ask gets a new one."""
        cluster = (self.conn_id, self.in_cluster, self.cluster_context, repr(self.config_dict), repr(self._extras))
        shared, old = _connections.get(cluster), None
        if shared is None or not shared.is_good():
            closing = AsyncExitStack()
            client = await closing.enter_async_context(super().get_conn())
            old = _connections.get(cluster)  # an old one, or that of somebody who connected meanwhile
            shared = _connections[cluster] = _Connection(client, closing)
        shared.users += 1
        try:
            if old is not None:
                await old.retire()
            yield shared.client
        except Exception:
            await shared.retire()
            raise
        finally:
            shared.users -= 1
            if not shared.is_good():
                await shared.retire()
