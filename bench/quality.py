"""What chunking costs in size and quality, and what the proof costs in CPU, against one pass over the whole film."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import av

from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_contract.command import Verb
from encoding_worker.ffmpeg import run_ffmpeg

CHUNK_S = 20


def measure(stage: Stage) -> Findings:
    """Encode the real film in chunks and in one piece with the same settings, and compare both with the source."""
    film = stage.films.real()
    job = stage.freeze(film, chunk_s=CHUNK_S)
    job.run(Verb.SPLIT)
    plan = job.plan()
    for chunk in plan.chunks:
        job.run(Verb.ENCODE, chunk.index, MAPREEL_THREADS="1")
    job.run(Verb.ENCODE_AUDIO)
    job.run(Verb.MERGE)
    chunked = job.work.fetch_output()
    plain = stage.folder / "plain.mkv"
    run_ffmpeg(
        [
            *("-i", f"file:{film}", "-map", "0:v:0", "-c:v", "libx264", "-preset", "medium", "-crf", "23"),
            *("-pix_fmt", "yuv420p", "-threads", "1", f"file:{plain}"),
        ],
        "one pass",
    )
    rows: list[dict[str, Any]] = [
        {"form": form, "chunks": chunks, "video_bytes": video_bytes(path), **compare(film, path, stage.folder)}
        for form, chunks, path in (("one pass", 1, plain), ("chunked", len(plan.chunks), chunked))
    ]
    one, many = rows
    return Findings(
        film=f"{film.name}, {float(plan.duration_us) / 1e6:.0f} s, chunks of {CHUNK_S} s, libx264 medium crf 23",
        figures=(
            Figure(
                name="size of the chunked film against one pass",
                value=round((many["video_bytes"] / one["video_bytes"] - 1) * 100, 3),
                unit="%",
                must="<=",
                mark=0.5,
            ),
            Figure(
                name="SSIM of one pass above the chunked film",
                value=round(one["ssim"] - many["ssim"], 6),
                unit="",
                must="<=",
                mark=0.001,
            ),
            Figure(name="VMAF of one pass above the chunked film", value=round(one["vmaf"] - many["vmaf"], 4), unit=""),
        ),
        rows=tuple(rows),
    )


def video_bytes(path: Path) -> int:
    """Return the bytes of all packets of a film's first video track."""
    with av.open(str(path)) as film:
        return sum(packet.size for packet in film.demux(film.streams.video[0]))


def compare(source: Path, output: Path, folder: Path) -> dict[str, float]:
    """Return SSIM (all planes) and VMAF of an output against its source, frame by frame."""
    log = folder / "vmaf.json"
    run = run_ffmpeg(
        [
            *("-loglevel", "info", "-i", f"file:{output}", "-i", f"file:{source}", "-lavfi"),
            "[0:v:0]settb=1,setpts=N,split[a][b];[1:v:0]settb=1,setpts=N,split[c][d];"
            f"[a][c]ssim;[b][d]libvmaf=n_threads=2:log_fmt=json:log_path={log.name}",
            *("-f", "null", "-"),
        ],
        "comparison",
        keep_stdout=True,
        cwd=folder,
    )
    found = next(match for line in run.messages if (match := re.search(r"SSIM .* All:([\d.]+)", line)))
    return {"ssim": float(found[1]), "vmaf": float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])}
