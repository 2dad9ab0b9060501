"""What a verb holds in memory does not grow with what passes through it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.meter import measure_program
from google.cloud import storage

from encoding_contract.command import Verb
from encoding_worker.ffmpeg import run_ffmpeg
from tests.corpus import load_profile
from tests.worker.work import Work

MIB = 1024 * 1024


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
        held.append(measure_program(work.command(Verb.MERGE), work.environment(), work.scratch).memory_bytes)
    # Buffers of transfers fill with a small film already.
    assert sizes[1] - sizes[0] > 40 * MIB
    assert held[1] - held[0] < 20 * MIB, held
