"""A real stack with small films in its buckets: for whoever looks at it through a browser, or kills its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import imageio_ffmpeg
import psutil
from google.cloud import storage

from encoding_client.airflow_client import PATIENCE_S, AirflowClient
from local_stack.buckets import open_storage
from local_stack.environment import INPUT_BUCKET
from local_stack.keys import load_keys
from local_stack.settings import StackSettings
from local_stack.stack import RunningStack, Stack
from local_stack.sweep import marked_processes
from tests.prepared import prepared
from tests.waiting import no_scan_soon

VIEWER = "guest"

# Six chunks of a film of 12 seconds, so that a progress bar has something to show.
_QUICK = """\
description: Quick and rough, for tests
video: {codec: libx264, crf: 30, preset: ultrafast, pixel_format: yuv420p}
audio: {codec: aac, bitrate_kbps: 64}
container: mp4
chunk_s: 2
"""
# A profile that somebody changed afterwards makes its outputs stale.
_CHANGED = _QUICK.replace("crf: 30", "crf: 34")


class RealStack:
    """A stack in a home of its own, with a login that may only look.

    Args:
        home: where it keeps everything.
        films: where its films are made, and its profiles.
        more: further settings.
    """

    def __init__(self, home: Path, films: Path, more: Mapping[str, str] | None = None) -> None:
        self.films = films
        self.scratch = films / "tmp"
        self.scratch.mkdir(exist_ok=True)
        self._profiles = films / "profiles"
        self._stack = Stack(StackSettings(home=prepared(home)))
        self._environment = {
            **os.environ,
            "MAPREEL_HOME": str(home),
            "TMPDIR": str(self.scratch),
            **no_scan_soon(),
            "MAPREEL_USERS": f"{VIEWER}:viewer",
            "MAPREEL_PROFILES": str(self._profiles),
            "MAPREEL_DEFAULT_PROFILE": "quick",
            **(more or {}),
        }

    def start(self) -> None:
        """Start it, with its profiles."""
        self._profiles.mkdir(parents=True, exist_ok=True)
        (self._profiles / "quick.yaml").write_text(_QUICK, encoding="utf-8")
        (self._profiles / "small.yaml").write_text(
            _QUICK.replace("crf: 30", "max_height: 120, crf: 36"), encoding="utf-8"
        )
        started = self._call("up")
        assert started.returncode == 0, started.stdout + started.stderr

    def stop(self) -> None:
        """Stop it."""
        self._call("down")

    def ensure_running(self) -> bool:
        """Start it where it does not run; return whether it runs now."""
        return self._stack.running() is not None or self._call("up").returncode == os.EX_OK

    def processes(self) -> list[psutil.Process]:
        """Return all its processes."""
        return marked_processes(load_keys(self._stack.home).stack_id)

    def pid_of(self, program: str) -> int:
        """Return the process id of one of its programs; 0 while it is not up."""
        return self._stack.states()[program].pid

    def change_profile(self) -> None:
        """Change the profile "quick", so that what was made by it is stale."""
        (self._profiles / "quick.yaml").write_text(_CHANGED, encoding="utf-8")

    @property
    def running(self) -> RunningStack:
        """How it is reached."""
        running = self._stack.running()
        assert running is not None
        return running

    @property
    def url(self) -> str:
        """Airflow's address."""
        return self.running.ports.airflow_url

    def password(self, user: str) -> str:
        """Return a user's password."""
        return str(json.loads(self._stack.home.passwords.read_text())[user])

    def storage(self) -> storage.Client:
        """Return a client of its buckets."""
        return open_storage(self.running.ports.storage_url)

    def airflow(self, patience_s: float = PATIENCE_S) -> AirflowClient:
        """Return a client of Airflow's, logged in as the administrator."""
        return AirflowClient(self.url, self.password("admin"), patience_s=patience_s)

    def scratch_folders(self) -> list[str]:
        """Return all that lies in its folder for temporary files, but for what a killed emulator leaves."""
        return [path.name for path in self.scratch.iterdir() if "bucketMetadata" not in path.name]

    def upload_film(self, name: str, seconds: int = 12, picture: str = "testsrc2") -> None:
        """Make a film and put it into the input bucket."""
        path = self.films / "film.mp4"
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y"),
            *("-f", "lavfi", "-i", f"{picture}=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440"),
            *("-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25"),
            *("-c:a", "aac", "-movflags", "+faststart", str(path)),
        ]
        subprocess.run(command, check=True)
        self.storage().bucket(INPUT_BUCKET).blob(name).upload_from_filename(str(path))

    def upload_text(self, name: str) -> None:
        """Put something into the input bucket that is no film."""
        self.storage().bucket(INPUT_BUCKET).blob(name).upload_from_string("no film at all\n")

    def _call(self, word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "local_stack", word]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)


AnyStack = TypeVar("AnyStack", bound=RealStack)


@contextmanager
def started(stack: AnyStack) -> Iterator[AnyStack]:
    """Start a stack, and stop it in the end, also where it did not start whole."""
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
