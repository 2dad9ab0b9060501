"""What the proof costs: CPU seconds of all that is there only to prove, against those of encoding."""

from __future__ import annotations

import time
from pathlib import Path
from unittest.mock import patch

from bench.meter import measure_program
from bench.record import Figure, Findings
from bench.rounds import Rounds
from bench.stage import Stage
from encoding_contract.command import Verb
from encoding_worker.cut import CHECKED_FRAMES
from encoding_worker.ffmpeg import find_ffmpeg
from encoding_worker.pieces import PIECE_CLOCK
from encoding_worker.proof import Proof

SECONDS, CHUNK_S = 20, 10


def measure(stage: Stage, rounds: int = 5) -> Findings:
    """Encode a piece of the real film with and without the list of its frames; try and prove the film beside it."""
    film = stage.films.real(SECONDS)
    job = stage.freeze(film, chunk_s=CHUNK_S)
    job.run(Verb.SPLIT)
    plan = job.plan()
    first = plan.chunks[0]
    piece, taken = stage.folder / "piece.mkv", Rounds()
    assert first.piece is not None
    job.work.blob(job.work.objects.piece(first.piece)).download_to_filename(str(piece))
    whole = stage.films.real()
    for number in range(rounds):
        # What the list adds is the same beside any encoder; beside a slow one it drowns in the noise of a busy machine.
        taken.add("fast encode", measure_program([*_reading(piece), *_encoder("ultrafast")]))
        taken.add("fast encode and list", measure_program([*_reading(piece), *_LISTING, *_encoder("ultrafast")]))
        if number < 2:
            taken.add("encode", measure_program([*_reading(piece), *_encoder("medium")]))
            taken.add(
                "trial of split", measure_program([*_reading(whole), "-frames:v", str(CHECKED_FRAMES), *_LISTING])
            )
    for chunk in plan.chunks:
        job.run(Verb.ENCODE, chunk.index, MAPREEL_THREADS="1")
    proving_s: list[float] = []
    prove = Proof.run

    def timed(proof: Proof) -> list[str]:
        begun = time.process_time()
        lines = prove(proof)
        proving_s.append(time.process_time() - begun)
        return lines

    with patch.object(Proof, "run", timed):
        for _ in range(2):
            job.work.merge()
    # Everything in CPU seconds for one second of film.
    least = {way: min(cost.cpu_s for cost in costs) for way, costs in taken.costs.items()}
    encoding = least["encode"] / (first.frames / plan.chunks[-1].end_frame * SECONDS)
    listing = (least["fast encode and list"] - least["fast encode"]) / least["encode"]
    proving = min(proving_s) / SECONDS / encoding
    trials = 2 * least["trial of split"]
    return Findings(
        film=f"{film.name}, {SECONDS} s, libx264 medium crf 23, one thread",
        figures=(
            Figure(name="listing every frame that goes in, of encoding", value=listing * 100, unit="%"),
            Figure(name="proof of the finished film, of encoding", value=proving * 100, unit="%"),
            Figure(name="both", value=(listing + proving) * 100, unit="%", must="<=", mark=5),
            Figure(name="split's trial of a film's first 1,500 frames, decoded twice", value=trials, unit="CPU s"),
            Figure(
                name="all three, for a film of 20 minutes",
                value=(listing + proving + trials / (1200 * encoding)) * 100,
                unit="%",
                must="<=",
                mark=5,
            ),
        ),
        rows=taken.rows,
    )


def _reading(path: Path) -> list[str]:
    return [find_ffmpeg(), "-nostdin", "-v", "error", "-y", "-threads", "1", "-i", f"file:{path}"]


_LISTING = ("-map", "0:v:0", "-vf", PIECE_CLOCK, "-fps_mode", "passthrough", "-f", "framecrc", "/dev/null")


def _encoder(preset: str) -> list[str]:
    return [
        *("-map", "0:v:0", "-vf", PIECE_CLOCK, "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", preset),
        *("-crf", "23", "-pix_fmt", "yuv420p", "-threads", "1", "-f", "matroska", "/dev/null"),
    ]
