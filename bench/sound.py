"""Where a sound's file is written: what changes its head at the end keeps it from being uploaded while it is made.

strace looks at the real ``encode-audio``. Sounds whose file can do without that go through a pipe and have no file.
"""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.meter import measure_program
from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_contract.command import Verb

SECONDS = 60
_SEEK = re.compile(r"lseek\((\d+<[^>]*\.mka)>, (\d+), SEEK_SET")
_WRITE = re.compile(r"write\((\d+<[^>]*\.mka)>, .*?, (\d+)(?:\)| <unfinished)")


def measure(stage: Stage) -> Findings:
    """Encode or copy a made film's sound in several ways, and follow where its file is written."""
    film = stage.films.made("small", SECONDS, "160x96", 400)
    ways: dict[str, tuple[Path, dict[str, Any]]] = {
        "AAC, encoded": (film, {"codec": "aac"}),
        "FLAC, encoded": (film, {"codec": "flac", "bitrate_kbps": None}),
        "AAC, copied out of MPEG-TS": (stage.films.as_broadcast(film), {"codec": "copy", "bitrate_kbps": None}),
    }
    rows = [_follow(stage, name, *way) for name, way in ways.items()]
    figures = []
    for row in rows:
        figures += [
            Figure(name=f"{row['way']}: in the scratch", value=row["file_bytes"] / 1000, unit="kB"),
            Figure(name=f"{row['way']}: of that, written anew at the end", value=row["late_bytes"], unit="bytes"),
        ]
    return Findings(
        film=f"made, {SECONDS} s",
        figures=tuple(figures),
        rows=tuple(rows),
        notes=(
            "what is written anew is the head: of FLAC the checksum of all samples, of AAC out of MPEG-TS the "
            "configuration that its packets carry",
        ),
    )


def _follow(stage: Stage, way: str, film: Path, audio: dict[str, Any]) -> dict[str, Any]:
    job = stage.freeze(film, audio=audio)
    job.run(Verb.SPLIT)
    calls = stage.folder / "calls.txt"
    traced = [*_strace(calls), *job.work.command(Verb.ENCODE_AUDIO)]
    measure_program(traced, job.work.environment(), job.work.scratch)
    written = follow_writes(calls.read_text())
    return {
        "way": way,
        "file_bytes": written.end,
        "late_bytes": sum(written.late.values()),
        "late": {str(start): size for start, size in sorted(written.late.items())},
    }


def _strace(output: Path) -> list[str]:
    program = shutil.which("strace")
    if program is None:
        raise SystemExit("bench: strace is missing; install it: apt install strace")
    return [program, "-f", "-y", "-s", "0", "-e", "trace=lseek,write", "-o", str(output)]


@dataclass
class Written:
    """A file as it was written."""

    end: int = 0
    late: dict[int, int] = field(default_factory=dict)
    """Bytes by their offset, of writes before the end of what was there already."""
    _at: int = 0

    def seek(self, place: int) -> None:
        """Go to an offset."""
        self._at = place

    def write(self, size: int) -> None:
        """Write so many bytes here."""
        if self._at < self.end:
            self.late[self._at] = self.late.get(self._at, 0) + min(size, self.end - self._at)
        self._at += size
        self.end = max(self.end, self._at)


def follow_writes(calls: str) -> Written:
    """Return how the sound's file was written, from strace's lines."""
    files: dict[str, Written] = defaultdict(Written)
    for line in calls.splitlines():
        if match := _SEEK.search(line):
            files[match[1]].seek(int(match[2]))
        elif match := _WRITE.search(line):
            files[match[1]].write(int(match[2]))
    return max(files.values(), key=lambda written: written.end, default=Written())
