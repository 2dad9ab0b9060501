"""What chunking costs in bits and quality: the same encoder over the whole film, and over chunks of several lengths.

Bits are compared at equal VMAF: the whole film is encoded a second time a little smaller, and between the two lies what
a point of VMAF costs.
"""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import av

from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_contract.command import Verb
from encoding_worker.ffmpeg import run_ffmpeg

ENCODERS = {"libx264": ("medium", 23), "libx265": ("medium", 26), "libsvtav1": ("8", 32)}
"""Preset and CRF of each."""
SMALLER_CRF = 2
LINES, SECONDS = 360, 360
"""Small enough that x265 is done the same day."""
CHUNKS_S = (20, 60, 120)
GRIDS = {"libsvtav1": (155, 158, 164, 167)}
"""Frames from keyframe to keyframe of further passes over the whole film; by itself it takes 161 at 24 frames a second.

SVT-AV1 puts keyframes onto a fixed grid, wherever the scenes begin, and a chunk begins that grid anew.
"""
WHOLE = 0


def measure(stage: Stage) -> Findings:
    """Encode the real film with each encoder, in one piece and in chunks, and compare all with the source."""
    film = stage.films.real(SECONDS)
    rows: list[dict[str, Any]] = []
    figures: list[Figure] = []
    for codec, (preset, crf) in ENCODERS.items():
        encode = partial(_encode, stage, film, codec, preset)
        whole = partial(encode, WHOLE)
        with ThreadPoolExecutor(2) as pool:  # two of one thread each
            one, smaller = pool.map(whole, (crf, crf + SMALLER_CRF))
        chunked = [encode(chunk_s, crf) for chunk_s in CHUNKS_S]
        elsewhere = measure_grids(stage, film, codec, GRIDS.get(codec, ()))
        nats_a_point = math.log(one["video_bytes"] / smaller["video_bytes"]) / (one["vmaf"] - smaller["vmaf"])
        for row in (*chunked, *elsewhere):
            more = math.log(row["video_bytes"] / one["video_bytes"]) - (row["vmaf"] - one["vmaf"]) * nats_a_point
            row["bits_at_equal_vmaf_percent"] = round(math.expm1(more) * 100, 3)
        for row in chunked:
            mark: dict[str, Any] = {"must": "<=", "mark": 0.5} if row["chunk_s"] == max(CHUNKS_S) else {}
            name = f"{codec}: bits at equal VMAF, chunks of {row['chunk_s']} s"
            figures.append(Figure(name=name, value=row["bits_at_equal_vmaf_percent"], unit="%", **mark))
        figures += [
            Figure(
                name=f"{codec}: bits at equal VMAF, in one piece with a keyframe every {row['keyframe_every']} frames",
                value=row["bits_at_equal_vmaf_percent"],
                unit="%",
            )
            for row in elsewhere
        ]
        rows += [one, smaller, *chunked, *elsewhere]
    return Findings(
        film=f"{film.name}, {SECONDS} s, scaled to {LINES} lines; "
        + ", ".join(f"{codec} {preset} crf {crf}" for codec, (preset, crf) in ENCODERS.items()),
        figures=tuple(figures),
        rows=tuple(rows),
        notes=(
            f"what a point of VMAF costs is measured by a second pass, with a CRF higher by {SMALLER_CRF}",
            "SVT-AV1 puts keyframes onto a fixed grid, every 161 frames here, wherever scenes begin, and a chunk "
            "begins it anew: what another grid alone costs, without any border, stands below its chunks",
        ),
    )


def measure_grids(stage: Stage, film: Path, codec: str, grids: tuple[int, ...]) -> list[dict[str, Any]]:
    """Encode the film in one piece with each of several distances of keyframes."""
    preset, crf = ENCODERS[codec]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(partial(_encode, stage, film, codec, preset, WHOLE, crf), grids))


def _encode(
    stage: Stage, film: Path, codec: str, preset: str, chunk_s: int, crf: int, keyframe_every: int | None = None
) -> dict[str, Any]:
    grid = {} if keyframe_every is None else {"keyframe_every": keyframe_every}
    options = {"options": {"g": str(keyframe_every)}} if grid else {}
    video = {"codec": codec, "preset": preset, "crf": crf, "max_height": LINES, **options}
    # Its own name gives it an output of its own beside that of another at the same time.
    source = stage.folder / f"{codec}-{crf}-{chunk_s}-{keyframe_every}.mkv"
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
    return {"codec": codec, "crf": crf, "chunk_s": chunk_s, "chunks": len(chunks), **grid, **found}


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
