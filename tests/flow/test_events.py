"""Bucket events, against an HTTP server that answers as Pub/Sub's REST interface does."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow

from encoding_flow.events import BucketEventsTrigger, BucketPollTrigger, watched_input  # isort: skip

SUBSCRIPTION = "projects/p/subscriptions/s"


class PubSub(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.waiting: list[dict[str, str]] = []
        self.acknowledged: list[str] = []
        self.faults = 0


class Handler(BaseHTTPRequestHandler):
    server: PubSub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, Any] = {}
        status = 200
        if self.server.faults:
            self.server.faults -= 1
            status = 503
        elif self.path == f"/v1/{SUBSCRIPTION}:pull":
            waiting, self.server.waiting = self.server.waiting, []
            if waiting:
                answer = {
                    "receivedMessages": [
                        {"ackId": attributes["objectId"], "message": {"attributes": attributes}}
                        for attributes in waiting
                    ]
                }
        elif self.path == f"/v1/{SUBSCRIPTION}:acknowledge":
            self.server.acknowledged += body["ackIds"]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSub]:
    with PubSub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def first_event() -> dict[str, Any]:
    async def fire() -> dict[str, Any]:
        async for event in BucketEventsTrigger(SUBSCRIPTION, settle_s=0).run():
            return dict(event.payload)
        raise AssertionError("no event")

    return asyncio.run(asyncio.wait_for(fire(), 30))


def test_a_burst_of_new_objects_makes_one_event_and_all_are_acknowledged(pubsub: PubSub) -> None:
    pubsub.waiting = [{"eventType": "OBJECT_FINALIZE", "objectId": f"{n}.mov"} for n in range(3)]
    assert first_event() == {"objects": 3, "first": "0.mov"}
    assert pubsub.acknowledged == ["0.mov", "1.mov", "2.mov"]


def test_what_is_no_new_object_makes_no_event_and_is_acknowledged(pubsub: PubSub) -> None:
    pubsub.waiting = [{"eventType": "OBJECT_DELETE", "objectId": "gone.mov"}]
    threading.Timer(0.5, lambda: pubsub.waiting.append({"eventType": "OBJECT_FINALIZE", "objectId": "new.mov"})).start()
    assert first_event() == {"objects": 1, "first": "new.mov"}
    assert pubsub.acknowledged == ["gone.mov", "new.mov"]


def test_a_fault_is_waited_out(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encoding_flow.events._PAUSE_AFTER_FAULT_S", 0.1)
    pubsub.faults = 2
    pubsub.waiting = [{"eventType": "OBJECT_FINALIZE", "objectId": "new.mov"}]
    assert first_event()["first"] == "new.mov"


def test_the_trigger_can_be_made_again_from_what_it_says_of_itself() -> None:
    path, arguments = BucketEventsTrigger(SUBSCRIPTION).serialize()
    assert path == "encoding_flow.events.BucketEventsTrigger"
    assert BucketEventsTrigger(**arguments).serialize() == (path, arguments)


def test_a_polled_bucket_makes_one_event_for_all_that_is_new_or_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([{1, 2}, {1, 2}, {1, 2, 3, 4}, {2, 3, 4}, {2, 3, 5}])
    monkeypatch.setattr("encoding_flow.events.list_generations", lambda place: next(looks))
    for name in ("INPUT", "OUTPUT", "WORK"):
        monkeypatch.setenv(f"MAPREEL_{name}", f"gs://{name.lower()}")

    async def fire() -> list[dict[str, Any]]:
        events = BucketPollTrigger(every_s=0).run()
        return [dict((await anext(events)).payload) for _ in range(3)]

    # The first look tells of what came while nobody looked.
    assert asyncio.run(asyncio.wait_for(fire(), 30)) == [{"objects": 2}, {"objects": 2}, {"objects": 1}]


@pytest.mark.parametrize(("events", "kind"), [(SUBSCRIPTION, BucketEventsTrigger), ("poll:30", BucketPollTrigger)])
def test_the_setting_chooses_what_is_watched(events: str, kind: type) -> None:
    (watcher,) = watched_input(events).watchers
    assert type(watcher.trigger) is kind
