"""Merge with proof and publication, against mkvmerge on the same chunks, alone and in a script."""

from __future__ import annotations

import shutil

from bench.carrying import EMULATOR_NOTE, join_command
from bench.meter import measure_program
from bench.record import Figure, Findings
from bench.rounds import Rounds
from bench.stage import Stage
from encoding_contract.command import Verb

CLIP_S, KBPS, TIMES = 100, 10_000, 4
CHUNK_S = 50


def measure(
    stage: Stage, clip_s: int = CLIP_S, times: int = TIMES, chunk_s: int = CHUNK_S, rounds: int = 3
) -> Findings:
    """Encode a film's chunks once, and merge them again and again."""
    if shutil.which("mkvmerge") is None:
        raise SystemExit("bench merge: mkvmerge is missing; install it: apt-get install mkvtoolnix")
    film = stage.films.repeated(stage.films.made("broadcast", clip_s, "1280x720", KBPS), times)
    job = stage.freeze(film, chunk_s=chunk_s, video={"preset": "ultrafast", "crf": 25})
    plan = job.work.finish_chunks()
    objects = job.work.objects
    names = [*(objects.chunk_video(chunk.index) for chunk in plan.chunks), objects.audio_track(0)]
    parts = [stage.folder / f"part-{number}.mkv" for number in range(len(names))]
    for name, part in zip(names, parts, strict=True):
        job.work.blob(name).download_to_filename(str(part))
    joined = stage.folder / "joined.mkv"
    taken = Rounds()
    for _ in range(rounds):
        taken.add("mkvmerge", measure_program(join_command(parts[:-1], parts[-1], joined)))
        taken.add("mkvmerge in a script", job.carry([f"gs://{job.work.job.work_bucket}/{name}" for name in names]))
        taken.add("merge", job.run(Verb.MERGE))
    gigabytes = joined.stat().st_size / 1e9
    return Findings(
        film=f"made, {len(plan.chunks)} chunks of {chunk_s} s, {gigabytes * 1000:.0f} MB of output",
        figures=(
            Figure(
                name="merge's time against mkvmerge",
                value=taken.ratio("merge", "mkvmerge"),
                unit="x",
                must="<=",
                mark=1.5,
            ),
            Figure(
                name="merge's time against mkvmerge with fetching and putting",
                value=taken.ratio("merge", "mkvmerge in a script"),
                unit="x",
            ),
            Figure(name="merge with proof", value=taken.wall_s("merge") / gigabytes, unit="s/GB"),
            Figure(
                name="CPU of the buckets' emulator in merge's time",
                value=100 * taken.emulator_cpu_s("merge") / taken.wall_s("merge"),
                unit="%",
            ),
            Figure(name="mkvmerge", value=taken.wall_s("mkvmerge") / gigabytes, unit="s/GB"),
        ),
        notes=(EMULATOR_NOTE,),
        rows=taken.rows,
    )
