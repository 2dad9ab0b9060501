"""Split's bytes a second, against ``cp`` of the same file and against carrying its bytes through the same buckets."""

from __future__ import annotations

from bench.carrying import EMULATOR_NOTE
from bench.meter import measure_program
from bench.record import Figure, Findings
from bench.rounds import Rounds
from bench.stage import Stage
from encoding_contract.command import Verb

CLIP_S, KBPS, TIMES = 100, 10_000, 8
CHUNK_S = 120


def measure(stage: Stage, clip_s: int = CLIP_S, times: int = TIMES, rounds: int = 3) -> Findings:
    """Split a film of about 1 GB, each round beside the two copies."""
    film = stage.films.repeated(stage.films.made("broadcast", clip_s, "1280x720", KBPS), times)
    job = stage.freeze(film, chunk_s=CHUNK_S)
    copy = stage.folder / "copy"
    taken = Rounds()
    for _ in range(rounds):
        job.forget_results()
        taken.add("cp", measure_program(["cp", str(film), str(copy)]))
        taken.add("carry", job.carry([job.work.job.source.address.url]))
        taken.add("split", job.run(Verb.SPLIT))
        copy.unlink()
    megabytes = film.stat().st_size / 1e6
    return Findings(
        film=f"made, {megabytes:.0f} MB, {KBPS / 1000:g} Mbit/s, {len(job.plan().chunks)} chunks of {CHUNK_S} s",
        figures=(
            Figure(
                name="split's speed against cp", value=1 / taken.ratio("split", "cp"), unit="x", must=">=", mark=0.7
            ),
            Figure(name="split's speed against carrying the bytes", value=1 / taken.ratio("split", "carry"), unit="x"),
            *(Figure(name=way, value=megabytes / taken.wall_s(way), unit="MB/s") for way in ("split", "carry", "cp")),
            Figure(
                name="CPU of the buckets' emulator in split's time",
                value=100 * taken.emulator_cpu_s("split") / taken.wall_s("split"),
                unit="%",
            ),
        ),
        notes=(EMULATOR_NOTE,),
        rows=taken.rows,
    )
