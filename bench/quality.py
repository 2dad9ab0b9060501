"""What chunking costs in bits and quality: the same encoder over the whole film, and over chunks of several lengths.

Bits are compared at equal VMAF: the whole film is encoded a second time a little smaller, and between the two lies what
a point of VMAF costs.
"""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av

from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_contract.command import Verb
from encoding_worker.ffmpeg import run_ffmpeg

LINES = 360
"""Small enough that x265 is done the same day."""
CHUNKS_S = (20, 60, 120)


@dataclass(frozen=True)
class Encoder:
    """What an encoder is measured with: its settings, and how many seconds of the film."""

    preset: str
    crf: int
    seconds: int = 360


ENCODERS = {
    # SVT-AV1 puts keyframes onto a fixed grid, wherever scenes begin, and a chunk begins that grid anew: by luck a
    # border wins or loses more than a border costs, so that it takes many of them to see what that is.
    "libsvtav1": Encoder("8", 32, seconds=1200),
    "libx264": Encoder("medium", 23),
    "libx265": Encoder("medium", 26),
}
SMALLER_CRF = 2
WHOLE = 0


def measure(stage: Stage) -> Findings:
    """Encode the real film with each encoder, in one piece and in chunks, and compare all with the source."""
    rows: list[dict[str, Any]] = []
    figures: list[Figure] = []
    films = {codec: stage.films.real(encoder.seconds) for codec, encoder in ENCODERS.items()}
    for codec, encoder in ENCODERS.items():
        encode = partial(_encode, stage, films[codec], codec, encoder.preset)
        with ThreadPoolExecutor(2) as pool:  # two of one thread each
            one, smaller = pool.map(partial(encode, WHOLE), (encoder.crf, encoder.crf + SMALLER_CRF))
        chunked = [encode(chunk_s, encoder.crf) for chunk_s in CHUNKS_S]
        nats_a_point = math.log(one["video_bytes"] / smaller["video_bytes"]) / (one["vmaf"] - smaller["vmaf"])
        for row in chunked:
            more = math.log(row["video_bytes"] / one["video_bytes"]) - (row["vmaf"] - one["vmaf"]) * nats_a_point
            row["bits_at_equal_vmaf_percent"] = round(math.expm1(more) * 100, 3)
            mark: dict[str, Any] = {"must": "<=", "mark": 0.5} if row["chunk_s"] == max(CHUNKS_S) else {}
            name = f"{codec}: bits at equal VMAF, chunks of {row['chunk_s']} s"
            figures.append(Figure(name=name, value=row["bits_at_equal_vmaf_percent"], unit="%", **mark))
        rows += [one, smaller, *chunked]
    return Findings(
        film=f"scaled to {LINES} lines; "
        + ", ".join(f"{codec} {its.preset} crf {its.crf} of {films[codec].name}" for codec, its in ENCODERS.items()),
        figures=tuple(figures),
        rows=tuple(rows),
        notes=(
            f"what a point of VMAF costs is measured by a second pass, with a CRF higher by {SMALLER_CRF}",
            "SVT-AV1 puts keyframes onto a fixed grid, wherever scenes begin, and a chunk begins it anew; over 6 "
            "minutes of this film another grid alone, without any border, cost between -1.1 and +0.3 %",
        ),
    )


def _encode(stage: Stage, film: Path, codec: str, preset: str, chunk_s: int, crf: int) -> dict[str, Any]:
    video = {"codec": codec, "preset": preset, "crf": crf, "max_height": LINES}
    # Its own name gives it an output of its own beside that of another at the same time.
    source = stage.folder / f"{codec}-{crf}-{chunk_s}.mkv"
    source.symlink_to(film)
    job = stage.freeze(source, chunk_s=chunk_s, video=video)
    job.run(Verb.SPLIT)
    chunks = job.plan().chunks
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda chunk: job.run(Verb.ENCODE, chunk.index, MAPREEL_THREADS="1"), chunks))
    job.run(Verb.ENCODE_AUDIO)
    job.run(Verb.MERGE)
    output = job.work.fetch_output()
    found = {"video_bytes": video_bytes(output), **compare(film, output, job.work.folder, LINES)}
    return {"codec": codec, "crf": crf, "chunk_s": chunk_s, "chunks": len(chunks), **found}


def video_bytes(path: Path) -> int:
    """Return the bytes of all packets of a film's first video track."""
    with av.open(str(path)) as film:
        return sum(packet.size for packet in film.demux(film.streams.video[0]))


def compare(source: Path, output: Path, folder: Path, lines: int) -> dict[str, float]:
    """Return SSIM (all planes) and VMAF of an output against its source, scaled to as many lines, frame by frame."""
    log = folder / "vmaf.json"
    run = run_ffmpeg(
        [
            *("-loglevel", "info", "-i", f"file:{output}", "-i", f"file:{source}", "-lavfi"),
            f"[0:v:0]settb=1,setpts=N,split[a][b];[1:v:0]scale=-2:{lines},settb=1,setpts=N,split[c][d];"
            f"[a][c]ssim;[b][d]libvmaf=n_threads=2:log_fmt=json:log_path={log.name}",
            *("-f", "null", "-"),
        ],
        "comparison",
        cwd=folder,
    )
    found = next(match for line in run.messages if (match := re.search(r"SSIM .* All:([\d.]+)", line)))
    return {"ssim": float(found[1]), "vmaf": float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])}
