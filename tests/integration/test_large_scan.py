"""A scan of 100,000 objects of which 5 are new."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from encoding_contract.profile import Profile, VideoSettings
from tests.emulator import lay_films, running_emulator

OBJECTS = 100_000
NEW = 5
TIME_LIMIT_S = 20
OWN_SHARE = 1.5
"""Where the emulator alone takes longer than usual, a scan may take so many times as long as its bare answers."""
MEMORY_LIMIT_MIB = 300
PROFILE = Profile(name="p", video=VideoSettings(crf=23))

# In a process of its own, so that its memory is what the scan takes, and not what pytest does.
SCAN = """
import json, os, resource, sys, time
from concurrent.futures import ThreadPoolExecutor
import requests
from encoding_contract.profile import Profile
from encoding_flow.bucket import _PAGE_OBJECTS
from encoding_flow.scanning import ScanRules
from encoding_contract.place import Place
from encoding_flow.trigger import survey_buckets
rules = ScanRules(profile=Profile.model_validate_json(sys.argv[1]))
places = [Place(bucket=name) for name in ("films", "made")]
figures = []
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    found = survey_buckets(rules, *places)
    figures.append([len(found.candidates), sum(found.counts.values()), time.monotonic() - start, before])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def answer(bucket):
    url, token = f"{os.environ['STORAGE_EMULATOR_HOST']}/storage/v1/b/{bucket}/o", ""
    while token is not None:
        page = requests.get(url, params={"maxResults": _PAGE_OBJECTS, "pageToken": token}).json()
        token = page.get("nextPageToken")
start = time.monotonic()
with ThreadPoolExecutor(2) as both:
    list(both.map(answer, ("films", "made")))
print(json.dumps([figures, peak, time.monotonic() - start]))
"""


@pytest.mark.large
@pytest.mark.timeout(600)
def test_a_large_bucket_is_scanned_in_seconds_and_the_next_scan_is_no_dearer() -> None:
    with running_emulator() as server:
        assert server._tmpdir is not None
        lay_films(Path(server._tmpdir.name), PROFILE, OBJECTS, NEW)
        done = subprocess.run(
            [sys.executable, "-c", SCAN, PROFILE.model_dump_json()], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    (first, second), peak_kib, bare_s = json.loads(done.stdout.splitlines()[-1])
    print(f"{first[2]:.1f} s, then {second[2]:.1f} s, {(peak_kib - first[3]) / 1024:.0f} MiB beyond the libraries")
    print(f"the bare answers: {bare_s:.1f} s")
    for candidates, seen, elapsed_s, _ in (first, second):
        assert (candidates, seen) == (NEW, OBJECTS)
        assert elapsed_s < max(TIME_LIMIT_S, OWN_SHARE * bare_s)
    assert second[2] < 1.5 * first[2]
    assert (peak_kib - first[3]) / 1024 < MEMORY_LIMIT_MIB
