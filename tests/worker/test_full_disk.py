"""A disk for scratch that is too small: the error says so, nothing is published, and on a larger one it goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from encoding_contract.command import Verb
from encoding_contract.errors import ExitCode
from encoding_contract.profile import Profile
from tests.worker.films import FilmShelf
from tests.worker.looks import check_frames
from tests.worker.work import Ended, Work

MakeWork = Callable[..., Work]

# Seen by the program alone: the mount is gone with it. What it left there is listed before.
SMALL_DISK = """
mount -t tmpfs -o size=$1 tmpfs "$2"; folder=$2; shift 2
"$@"; status=$?
ls -A "$folder" >&2
exit $status
"""


def own_mounts() -> list[str]:
    return ["unshare", "--map-root-user", "--mount"]


@pytest.fixture(autouse=True)
def check_mounting() -> None:
    try:
        subprocess.run([*own_mounts(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine lets nobody mount a small disk of their own: {error}")


def run_on_small_disk(work: Work, size: str, verb: Verb, chunk: int | None = None) -> Ended:
    disk = work.folder / "small disk"
    disk.mkdir(exist_ok=True)
    done = subprocess.run(
        [*own_mounts(), "sh", "-c", SMALL_DISK, "sh", size, str(disk), *work.command(verb, chunk)],
        env=work.environment(TMPDIR=str(disk)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stderr, [])


@pytest.mark.parametrize(
    ("film", "verb", "room"),
    [
        ("uncompressed.nut", Verb.SPLIT, "64k"),
        ("plain.mp4", Verb.ENCODE, "8k"),  # a piece does not find room
        ("uncompressed.nut", Verb.ENCODE, "64k"),  # the encoder reads the source itself, and writes more than that
        ("uncompressed.nut", Verb.MERGE, "4k"),
    ],
    ids=["split", "encode of a piece", "encode", "merge"],
)
def test_a_full_disk_is_named_and_costs_one_try(
    films: FilmShelf, quick: Profile, make_work: MakeWork, film: str, verb: Verb, room: str
) -> None:
    work = make_work(films[film], quick)
    if verb is Verb.ENCODE:
        work.split()
    if verb is Verb.MERGE:
        work.finish_chunks()
    before = work.generations()
    ended = run_on_small_disk(work, room, verb, 0 if verb is Verb.ENCODE else None)
    work.check_refused(ended, ExitCode.TRANSIENT, "the disk of the scratch folder", "is full", "TMPDIR")
    assert not [name for name in work.generations().keys() - before.keys() if name.endswith(".json")]
    work.finish_chunks()
    work.merge()
    check_frames(work.film, work.fetch_output())
