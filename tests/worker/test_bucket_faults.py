"""A bucket that answers badly, and work objects that somebody harms: the film is right, or nothing is published.

Random, by a seed that is printed: MAPREEL_FAULT_SEED repeats a run, MAPREEL_FAULT_ROUNDS sets its length.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from google.cloud import storage

from encoding_contract.errors import TransientFault
from encoding_contract.profile import Profile
from encoding_worker.store import Store
from tests.faulty_proxy import BUSY, CORRUPTION, WIRE, FaultyProxy, faulty_proxy
from tests.worker.films import FilmShelf
from tests.worker.looks import check_frames, check_sound
from tests.worker.work import Work

# The client lets a connection that broke go without closing it.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

MakeWork = Callable[..., Work]

ROUNDS = int(os.environ.get("MAPREEL_FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("MAPREEL_FAULT_SEED") or random.SystemRandom().randrange(10**9))
TRIES = 12


@pytest.fixture
def proxy(buckets: storage.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    with faulty_proxy(os.environ["STORAGE_EMULATOR_HOST"], SEED) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
        yield proxy


def persist(step: Callable[[], object]) -> int:
    """Do a step as Airflow does: again after a transient fault, and only then; return how many tries it took."""
    for attempt in range(1, TRIES):
        try:
            step()
        except TransientFault as error:
            print(f"try {attempt}: {error}")
        else:
            return attempt
    step()
    return TRIES


@pytest.mark.parametrize("kinds", [BUSY, WIRE, CORRUPTION], ids=["busy", "wire", "corrupt"])
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_film_comes_out_whole_however_the_bucket_answers(
    number: int,
    kinds: tuple[str, ...],
    proxy: FaultyProxy,
    films: FilmShelf,
    quick: Profile,
    make_work: MakeWork,
    tmp_path: Path,
) -> None:
    print(f"seed {SEED}, round {number}")
    work = make_work(films["plain.mp4"], quick)
    work.store = Store()
    proxy.kinds, proxy.rate = kinds, 0.25
    tries = persist(work.split)
    persist(work.encode_audio)
    for chunk in range(3):
        persist(partial(work.encode, chunk))
    tries += persist(work.merge)
    proxy.rate = 0
    print(f"injected {dict(proxy.injected)}, {tries} tries of split and merge")
    assert proxy.injected
    check_frames(work.film, work.fetch_output())
    check_sound(work.film, work.fetch_output())
    assert list(work.scratch.iterdir()) == []


def harm(work: Work, chance: random.Random) -> str:
    """Delete, halve, blacken or swap one of a job's objects; return what was done."""
    names = sorted(name for name in work.generations() if name != work.objects.job)
    name = chance.choice(names)
    content = work.blob(name).download_as_bytes()
    alike = [other for other in names if other != name and other.rpartition(".")[2] == name.rpartition(".")[2]]
    # One bit of a document makes another valid document, which no checksum of ours would tell: the bucket's own does.
    kinds = ["deleted", "halved", "emptied", *["swapped"] * bool(alike), *["one bit changed"] * ("json" not in name)]
    how = chance.choice(kinds)
    if how == "deleted":
        work.blob(name).delete()
    elif how == "halved":
        work.blob(name).upload_from_string(content[: len(content) // 2])
    elif how == "one bit changed":
        at = chance.randrange(len(content))
        work.blob(name).upload_from_string(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    elif how == "emptied":
        work.blob(name).upload_from_string(b"")
    else:
        other = chance.choice(alike)
        work.blob(name).upload_from_string(work.blob(other).download_as_bytes())
        how = f"swapped for {other}"
    return f"{name} {how}"


@pytest.mark.parametrize("number", range(4 * ROUNDS))
def test_a_harmed_work_object_costs_work_and_never_a_film(
    number: int, films: FilmShelf, quick: Profile, make_work: MakeWork
) -> None:
    chance = random.Random(SEED + number)
    work = make_work(films["plain.mp4"], quick)
    plan = work.split()
    stage = chance.choice(["after split", "after encode"])
    if stage == "after encode":
        for chunk in plan.chunks:
            work.encode(chunk.index)
        work.encode_audio()
    print(f"seed {SEED}, round {number}, {stage}: {harm(work, chance)}")
    # What a run of the DAG does: each step again, and what stands is left.
    persist(work.split)
    for chunk in work.split().chunks:
        persist(partial(work.encode, chunk.index))
    persist(work.encode_audio)
    persist(work.merge)
    check_frames(work.film, work.fetch_output())
    check_sound(work.film, work.fetch_output())
