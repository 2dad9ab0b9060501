"""The films that are measured on: a real one if somebody names one, made ones, and long ones by repetition."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from encoding_worker.ffmpeg import run_ffmpeg

REAL_FILM = "MAPREEL_BENCH_FILM"
"""The variable that names a real film; quality and speed of encoders are worth little on made pictures."""

REAL_SECONDS = "MAPREEL_BENCH_SECONDS"
"""The variable that says how many of its first seconds are enough; all of them where it is not set."""


@dataclass(frozen=True)
class FilmShelf:
    """Makes films when they are first asked for."""

    folder: Path

    def real(self, seconds: int | None = None) -> Path:
        """Return the real film, or its first seconds; a made one where none is named."""
        named = os.environ.get(REAL_FILM)
        limit = os.environ.get(REAL_SECONDS)
        seconds = min(filter(None, (seconds, int(limit) if limit else None)), default=None)
        whole = Path(named) if named else self.made("stand-in", 60, "1280x720", 1500)
        if seconds is None:
            return whole
        path = self.folder / f"{whole.stem}-{seconds}s.mkv"
        return (
            path
            if path.exists()
            else _make(path, "-i", f"file:{whole}", "-t", str(seconds), "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy")
        )

    def made(self, name: str, seconds: int, size: str, kbps: int) -> Path:
        """Return a made film with sound, a keyframe each second; noise keeps its bit rate up."""
        path = self.folder / f"{name}-{seconds}s-{size}-{kbps}k.mkv"
        if path.exists():
            return path
        picture = f"testsrc2=size={size}:rate=25:duration={seconds},noise=alls=20:allf=t"
        return _make(
            path,
            *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=beep_factor=4:duration={seconds}"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-bf", "2"),
            *("-b:v", f"{kbps}k", "-maxrate", f"{kbps}k", "-bufsize", f"{kbps}k", "-c:a", "aac", "-b:a", "96k"),
        )

    def repeated(self, film: Path, times: int) -> Path:
        """Return a film played so many times over: a copy of its packets, without encoding."""
        path = self.folder / f"{film.stem}-x{times}.mkv"
        return (
            path if path.exists() else _make(path, "-stream_loop", str(times - 1), "-i", f"file:{film}", "-c", "copy")
        )

    def as_broadcast(self, film: Path) -> Path:
        """Return a film as MPEG-TS: a copy of its packets, without encoding."""
        path = self.folder / f"{film.stem}.ts"
        return path if path.exists() else _make(path, "-i", f"file:{film}", "-c", "copy")


def _make(path: Path, *arguments: str) -> Path:
    part = path.with_name(f"part-{path.name}")
    run_ffmpeg([*arguments, "-y", f"file:{part}"], f"film {path.name}")
    part.replace(path)
    return path
