"""Many films at once, a fifth of them broken: the good ones are finished, the broken ones told, and Airflow keeps up.

MAPREEL_LOAD_VIDEOS says how many come at once. They come again until MAPREEL_SOAK_MINUTES are over, and at least until
there were as many once Airflow's programs were warm as before.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import psutil
import pytest

from encoding_client.airflow_client import AirflowClient, fetch_health
from encoding_contract.objects import output_name
from encoding_contract.profile import Container
from local_stack.environment import INPUT_BUCKET, OUTPUT_BUCKET
from local_stack.programs import API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERER
from local_stack.settings import StackSettings
from local_stack.stack import RunningStack, Stack
from tests.integration.conftest import Mapreel

VIDEOS = int(os.environ.get("MAPREEL_LOAD_VIDEOS") or "10")
SOAK_S = float(os.environ.get("MAPREEL_SOAK_MINUTES") or "0") * 60
WARM = min(VIDEOS, 100)
"""After so many films all is loaded that is loaded once; from then on no program grows."""
BROKEN_EVERY = 5
WAVE_S = 300 + 30 * VIDEOS
HEARTBEAT_S = 30
GROWTH = 1.15
"""Of a program's memory once it is warm; what Python's allocator rounds up to is in it."""
SUMMARY = re.compile(r"(\d+) to start, (\d+) under way, (\d+) failed, (\d+) left")


class Health:
    """Looks at the scheduler's heartbeat again and again, and remembers the oldest."""

    def __init__(self, airflow_url: str) -> None:
        self._url = airflow_url
        self.oldest_s = 0.0
        self._is_over = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look while the block runs."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(2):
            try:
                heartbeat = fetch_health(self._url, timeout_s=30)["scheduler"].heartbeat
            except httpx.HTTPError:
                continue  # of the API server's age there is no word; its films tell
            if heartbeat is not None:
                age = datetime.now(UTC) - datetime.fromisoformat(heartbeat)
                self.oldest_s = max(self.oldest_s, age.total_seconds())


def memory_mib(stack: Stack) -> dict[str, int]:
    """Return what the main process of each of Airflow's programs holds."""
    states = stack.states()
    held = {}
    for name in (API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERER):
        held[name] = psutil.Process(states[name].pid).memory_info().rss >> 20
    return held


class Wave:
    """Films that come at once, below a prefix of their own."""

    def __init__(self, mapreel: Mapreel, number: int) -> None:
        self._mapreel = mapreel
        self._prefix = f"wave {time.time_ns()} {number}/"
        self._broken = {index for index in range(VIDEOS) if index % BROKEN_EVERY == 0}

    def _name(self, index: int) -> str:
        return f"{self._prefix}{index}.mov"

    def upload(self) -> None:
        """Put them into the bucket."""
        for index in range(VIDEOS):
            self._mapreel.upload(self._name(index), chunks=2, is_bad=index in self._broken)

    def await_end(self, running: RunningStack, tell: Callable[[int], None]) -> None:
        """Scan until each film has a run that is over, and tell of how many have; assert how each has ended."""
        deadline = time.monotonic() + WAVE_S
        while True:
            assert time.monotonic() < deadline, f"not over within {WAVE_S} s: {self._states(running)}"
            # It shares the cores with all the films that it has started.
            scan = self._mapreel.start("scan_videos", prefix=self._prefix, limit=1000)
            assert self._mapreel.finish("scan_videos", scan, WAVE_S) == "success"
            summary = SUMMARY.search(self._mapreel.log("scan_videos", scan, "find_new_videos"))
            assert summary is not None
            to_start, under_way, failed, left = map(int, summary.groups())
            tell(VIDEOS - to_start - under_way - left)
            if to_start + under_way + left == 0:
                break
            time.sleep(5)
        assert failed == len(self._broken)
        assert self._states(running) == Counter(success=VIDEOS - len(self._broken), failed=len(self._broken))
        listed = self._mapreel.storage.list_blobs(OUTPUT_BUCKET, prefix=self._prefix)
        outputs = {blob.name for blob in listed if not blob.name.endswith(".json")}
        good = (self._name(index) for index in range(VIDEOS) if index not in self._broken)
        assert outputs == {output_name("", name, Container.MKV) for name in good}

    def _states(self, running: RunningStack) -> Counter[str]:
        address = f"gs://{INPUT_BUCKET}/{self._prefix}"
        with AirflowClient(running.ports.airflow_url, running.keys.admin_password) as airflow:
            runs = airflow.runs("encode_video")
            return Counter(run.state for run in runs if (run.conf or {}).get("source", "").startswith(address))


@pytest.mark.faults
@pytest.mark.timeout(2 * WAVE_S + 2 * SOAK_S)
def test_many_films_at_once_a_fifth_of_them_broken(mapreel: Mapreel) -> None:
    stack = Stack(StackSettings(home=mapreel.home))
    running = stack.running()
    assert running is not None
    health, began, waves = Health(running.ports.airflow_url), time.monotonic(), 0
    warm: dict[str, int] = {}

    def look(over: int) -> None:
        if not warm and waves * VIDEOS + over >= WARM:
            warm.update(memory_mib(stack))

    with health.watched():
        while waves * VIDEOS < 2 * WARM or time.monotonic() - began < SOAK_S:
            wave = Wave(mapreel, waves)
            wave.upload()
            wave.await_end(running, look)
            waves += 1
    after = memory_mib(stack)
    films, took_s = waves * VIDEOS, time.monotonic() - began
    print(f"\n{films} films in {took_s:.0f} s, a fifth of them broken; oldest heartbeat {health.oldest_s:.0f} s")
    print(f"memory in MiB after the first {WARM} and at the end: {warm} {after}")
    assert health.oldest_s < HEARTBEAT_S
    assert {name: held for name, held in after.items() if held > GROWTH * warm[name]} == {}
