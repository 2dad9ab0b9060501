from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook

from encoding_flow import pod_connection
from encoding_flow.pod_connection import SharingHook


class Client:
    """A connection that knows whether it is open."""

    is_open = True


class Cluster:
    """A provider that notes the clients which it makes, and a clock that stands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clients: list[Client] = []
        self.now_s = 0.0
        cluster = self

        @asynccontextmanager
        async def get_conn(_: object) -> AsyncIterator[Client]:
            await asyncio.sleep(0)
            client = Client()
            cluster.clients.append(client)
            yield client
            client.is_open = False

        monkeypatch.setattr(AsyncKubernetesHook, "get_conn", get_conn)
        monkeypatch.setattr(pod_connection, "_connections", {})
        monkeypatch.setattr(pod_connection, "time", SimpleNamespace(monotonic=lambda: self.now_s))

    @property
    def open(self) -> list[bool]:
        return [client.is_open for client in self.clients]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def hook(conn_id: str = "kubernetes_default") -> SharingHook:
    return SharingHook(conn_id=conn_id, connection_extras={})


async def look(through: SharingHook, doing: Callable[[], Awaitable[None]] | None = None) -> object:
    async with through.get_conn() as client:
        assert client.is_open  # type: ignore[attr-defined]
        if doing is not None:
            await doing()
        assert client.is_open  # type: ignore[attr-defined]
        return client


def test_all_looks_at_a_cluster_share_a_connection(cluster: Cluster) -> None:
    async def watch() -> None:
        await look(hook())
        await asyncio.gather(*(look(hook()) for _ in range(9)))
        await look(hook("another"))

    asyncio.run(watch())
    assert cluster.open == [True, True]


def test_a_connection_is_made_anew_before_its_token_can_be_old(cluster: Cluster) -> None:
    async def watch() -> None:
        await look(hook())
        cluster.now_s = 61
        await look(hook())

    asyncio.run(watch())
    assert cluster.open == [False, True]


def test_after_an_error_the_next_look_begins_afresh(cluster: Cluster) -> None:
    async def fail() -> None:
        raise ConnectionError

    async def watch() -> None:
        with pytest.raises(ConnectionError):
            await look(hook(), fail)
        await look(hook())

    asyncio.run(watch())
    assert cluster.open == [False, True]


def test_a_connection_is_not_closed_while_somebody_is_at_it(cluster: Cluster) -> None:
    async def meanwhile() -> None:
        cluster.now_s = 61
        await look(hook())
        assert cluster.open == [True, True]

    asyncio.run(look(hook(), meanwhile))
    assert cluster.open == [False, True]


def test_of_two_that_connect_at_once_one_connection_stays(cluster: Cluster) -> None:
    async def watch() -> None:
        await asyncio.gather(look(hook()), look(hook()))
        cluster.now_s = 61
        await look(hook())

    asyncio.run(watch())
    assert cluster.open[-1] is True
    assert True not in cluster.open[:-1]


def test_another_event_loop_has_a_connection_of_its_own(cluster: Cluster) -> None:
    first, second = asyncio.run(look(hook())), asyncio.run(look(hook()))
    assert first is not second
