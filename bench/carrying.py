"""``python -m bench.carrying FOLDER GS_TARGET GS_SOURCE ...``: objects are fetched, joined if many, and put.

What a script would take instead of a verb: Google's client, mkvmerge, and no proof of anything. It puts in parts of
8 MiB, as the verbs do, and not of the 100 MiB that the client holds by itself.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from encoding_worker.store import UPLOAD_BYTES

EMULATOR_NOTE = (
    "all ways put in parts of 8 MiB, and with each part the emulator computes two checksums of all that has come so "
    "far: its CPU grows with the square of an object's size, which no real store's does"
)


def main() -> None:
    """Carry the objects."""
    folder, target, *sources = sys.argv[1:]
    client = storage.Client("bench", AnonymousCredentials())  # type: ignore[no-untyped-call]
    paths = [Path(folder) / f"carried-{number:06d}" for number in range(len(sources))]
    for source, path in zip(sources, paths, strict=True):
        storage.Blob.from_string(source, client).download_to_filename(str(path), checksum="crc32c")
    result = paths[0]
    if len(paths) > 1:
        result = Path(folder) / "carried.mkv"
        subprocess.run(join_command(paths[:-1], paths[-1], result), check=True)
    put = storage.Blob.from_string(target, client)
    put.chunk_size = UPLOAD_BYTES
    put.upload_from_filename(str(result), checksum="crc32c")
    for path in {*paths, result}:
        path.unlink()


def join_command(chunks: list[Path], sound: Path, result: Path) -> list[str]:
    """Return mkvmerge's command that joins chunks and adds a sound track."""
    appended = [word for path in chunks for word in ("+", str(path))][1:]
    return ["mkvmerge", "-q", "-o", str(result), *appended, str(sound)]


if __name__ == "__main__":
    main()
