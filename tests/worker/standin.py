"""Stand-ins for the ffmpeg program, taken by IMAGEIO_FFMPEG_EXE: the real one in all that is not under test."""

from __future__ import annotations

import sys
from pathlib import Path

import imageio_ffmpeg

_HEAD = """#!{python}
import os, sys, time
REAL = {real!r}
arguments = sys.argv[1:]
is_encoding = "libx264" in arguments
"""

# As fast as the film runs, so that there is time to meet it in the middle of its work.
SLOW = """
if is_encoding:
    arguments = ["-readrate", "1", *arguments]
os.execv(REAL, [REAL, *arguments])
"""

HANGING = """
if is_encoding:
    time.sleep(600)
os.execv(REAL, [REAL, *arguments])
"""

STUBBORN = """
import signal
if is_encoding:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
os.execv(REAL, [REAL, *arguments])
"""

# Killed from outside, as for want of memory: at the first look, and where a piece is held against its source.
KILLED_AT_LOOK = """
if "null" in arguments and not is_encoding:
    os.kill(os.getpid(), 9)
os.execv(REAL, [REAL, *arguments])
"""
KILLED_AT_PIECE = """
if "framecrc" in arguments and any(each.startswith("file:") for each in arguments):
    os.kill(os.getpid(), 9)
os.execv(REAL, [REAL, *arguments])
"""

# Killed in the middle of a sound that is uploaded meanwhile; or it is the worker that is.
_KILLED_IN_SOUND = """
if "aac" in arguments:
    out = next(word for word in arguments if word.startswith("pipe:") and word != "pipe:1")
    os.write(int(out.removeprefix("pipe:")), bytes(1000))
    os.kill({victim}, 9)
    time.sleep(600)
os.execv(REAL, [REAL, *arguments])
"""
KILLED_IN_SOUND = _KILLED_IN_SOUND.format(victim="os.getpid()")
KILLS_WORKER_IN_SOUND = _KILLED_IN_SOUND.format(victim="os.getppid()")

# Drops the last frames on their way to the encoder, and ends with success.
LOSSY = """
if is_encoding:
    at = next(place for place, word in enumerate(arguments) if "chunk-" in word and word.endswith(".mkv"))
    arguments[at:at] = ["-frames:v", "20"]
os.execv(REAL, [REAL, *arguments])
"""

BROKEN = """
if is_encoding:
    print("[error] the disk is\\non fire", file=sys.stderr)
    sys.exit(3)
os.execv(REAL, [REAL, *arguments])
"""

OLD = """
print("ffmpeg version 4.4.1 Copyright (c) 2000-2021 the FFmpeg developers")
"""

SOMETHING_ELSE = """
print("hello")
"""


def write_standin(path: Path, behaviour: str) -> str:
    """Write a program that behaves so; return its path."""
    path.write_text(_HEAD.format(python=sys.executable, real=imageio_ffmpeg.get_ffmpeg_exe()) + behaviour)
    path.chmod(0o755)
    return str(path)
