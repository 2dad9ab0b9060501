"""Bucket events: a scan starts at once when the input bucket has a new object.

Cloud Storage tells a Pub/Sub subscription of each; where there is none, the bucket itself is looked at again and again.
An event is a kick and nothing more: the scan looks for itself, and the scheduled one finds what a lost event would have
told of. Pub/Sub is asked over its REST interface, so that no further client library is needed.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from encoding_contract.errors import MapreelError
from encoding_contract.place import Place
from encoding_flow.settings import POLL

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

_EMULATOR_VARIABLE = "PUBSUB_EMULATOR_HOST"
_SCOPE = "https://www.googleapis.com/auth/pubsub"
_NEW_OBJECT = "OBJECT_FINALIZE"
_MESSAGES = 1000
_PULL_TIMEOUT_S = 100
"""A pull without messages is answered after up to 90 s."""
_PAUSE_AFTER_FAULT_S = 60.0


def watched_input(events: str) -> Asset:
    """Return the asset that stands for the input bucket, with an event for each burst of new objects.

    Args:
        events: a Pub/Sub subscription, or ``poll:SECONDS``.
    """
    trigger: BaseEventTrigger
    if events.startswith(POLL):
        trigger = BucketPollTrigger(float(events.removeprefix(POLL)))
    else:
        trigger = BucketEventsTrigger(events)
    return Asset("mapreel_input", watchers=[AssetWatcher(name="bucket_events", trigger=trigger)])


class BucketEventsTrigger(BaseEventTrigger):
    """Fires once for a burst of new objects.

    Args:
        subscription: ``projects/P/subscriptions/S``, of a topic that the bucket notifies.
        settle_s: how long to wait for the rest of a burst: Airflow may leave the second of two close events waiting
            for a third (3.3.2), so there must be one.
    """

    def __init__(self, subscription: str, settle_s: float = 10.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.subscription = subscription
        self.settle_s = settle_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"subscription": self.subscription, "settle_s": self.settle_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Pull for ever; a fault of Pub/Sub is logged and waited out, as scheduled scans go on without it."""
        import requests
        from google.auth.exceptions import GoogleAuthError

        while True:
            try:
                session = await asyncio.to_thread(open_session)
                names = await asyncio.to_thread(pull_new_objects, session, self.subscription)
                if names:
                    await asyncio.sleep(self.settle_s)
                    names += await asyncio.to_thread(pull_new_objects, session, self.subscription, wait=False)
            except (requests.RequestException, GoogleAuthError) as error:
                logger.warning("%s: %s; scheduled scans go on", self.subscription, error)
                await asyncio.sleep(_PAUSE_AFTER_FAULT_S)
                continue
            if names:
                yield TriggerEvent({"objects": len(names), "first": names[0]})  # type: ignore[no-untyped-call]


class BucketPollTrigger(BaseEventTrigger):
    """Fires once for whatever is new since the last look at the input bucket.

    Each look lists the whole input, so this is for buckets without Pub/Sub: an emulator, or a small one.

    Args:
        every_s: seconds between two looks.
    """

    def __init__(self, every_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.every_s = every_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"every_s": self.every_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for ever; a fault of the bucket is logged and waited out, as scheduled scans go on without it."""
        from encoding_flow.settings import load_bucket_settings

        # The first look tells of all that lies there: nobody knows what came while nobody looked.
        seen: set[int] = set()
        while True:
            try:
                found = await asyncio.to_thread(list_generations, load_bucket_settings().input)
            except MapreelError as error:
                logger.warning("%s; scheduled scans go on", error)
                await asyncio.sleep(min(_PAUSE_AFTER_FAULT_S, 5 * self.every_s))
                continue
            arrived = len(found - seen)
            seen = found
            if arrived:
                yield TriggerEvent({"objects": arrived})  # type: ignore[no-untyped-call]
            await asyncio.sleep(self.every_s)


def list_generations(place: Place) -> set[int]:
    """Return a number for each object and generation of a place: 8 bytes each, however long the names are.

    Raises:
        BucketRefused, TransientFault: the bucket.
    """
    from encoding_flow.bucket import Bucket

    return {hash((found.name, found.generation)) for found in Bucket(place.bucket).list(place.prefix)}


def open_session() -> requests.Session:
    """Return a session that Pub/Sub takes: with ADC, or plain for an emulator."""
    import google.auth
    import requests
    from google.auth.transport.requests import AuthorizedSession

    if os.environ.get(_EMULATOR_VARIABLE):
        return requests.Session()
    credentials, _ = google.auth.default(scopes=[_SCOPE])
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]


def pull_new_objects(session: requests.Session, subscription: str, wait: bool = True) -> list[str]:
    """Take the waiting messages off a subscription, and return the names of the new objects that they tell of.

    Raises:
        requests.RequestException: Pub/Sub refused, or did not answer.
    """
    emulator = os.environ.get(_EMULATOR_VARIABLE)
    url = f"http://{emulator}" if emulator else "https://pubsub.googleapis.com"
    body = {"maxMessages": _MESSAGES, "returnImmediately": not wait}
    answer = session.post(f"{url}/v1/{subscription}:pull", json=body, timeout=_PULL_TIMEOUT_S)
    answer.raise_for_status()
    received = answer.json().get("receivedMessages", [])
    if received:
        ids = [message["ackId"] for message in received]
        session.post(f"{url}/v1/{subscription}:acknowledge", json={"ackIds": ids}, timeout=60).raise_for_status()
    attributes = [message["message"].get("attributes", {}) for message in received]
    return [found["objectId"] for found in attributes if found.get("eventType") == _NEW_OBJECT and "objectId" in found]
