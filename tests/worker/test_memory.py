"""What a verb holds in memory does not grow with what passes through it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.cloud import storage

from encoding_contract.command import Verb
from encoding_worker.ffmpeg import run_ffmpeg
from tests.corpus import load_profile
from tests.worker.work import Work

MIB = 1024 * 1024
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""
"""The kernel's own peak, which no sampling misses. It is asked for from a small process, as a program begins with its
parent's peak."""


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Ten seconds that no encoder makes small."""
    path = tmp_path / "noise.mkv"
    picture = "testsrc2=size=640x360:rate=25:duration=10,noise=alls=80:allf=t"
    run_ffmpeg(["-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", f"file:{path}"], "noise")
    return path


def test_merge_holds_no_chunk_in_memory(buckets: storage.Client, noise: Path, tmp_path: Path) -> None:
    sizes: list[int] = []
    held: list[int] = []
    for crf in (51, 6):
        folder = tmp_path / str(crf)
        folder.mkdir()
        profile = load_profile("h264-1080p", {"chunk_s": 0, "video": {"preset": "ultrafast", "crf": crf}})
        work = Work(buckets, noise, profile, folder)
        work.finish_chunks()
        sizes.append(len(work.contents()[work.objects.chunk_video(0)]))
        merge = [sys.executable, "-c", _PEAK, *work.command(Verb.MERGE)]
        held.append(int(subprocess.run(merge, env=work.environment(), check=True, capture_output=True).stdout))
    # The small film does not fill the buffers of transfers (14 MiB); held packets were 67 MiB.
    assert sizes[1] - sizes[0] > 40 * MIB
    assert held[1] - held[0] < 30 * MIB, held
