"""Names that are options, protocols, patterns, paths or lines elsewhere: each film gets its own output, and no more.

One name goes through the real programs; the worst go through the same code in this process.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from google.cloud import storage

from encoding_contract.command import Verb
from encoding_contract.objects import output_name, report_name
from encoding_contract.profile import Profile
from tests.worker.films import FilmShelf
from tests.worker.work import Work

WORST = [
    """quotes ' " ` and $(touch pwned) ; rm -rf /.mp4""",
    "-y.mp4",
    "--job=elsewhere",
    "%d %s %05d %(name)s {0}.mp4",
    "film-%03d.mp4",
    "concat:a.mp4|b.mp4",
    "file:/etc/passwd",
    "{{ ds }}{% raw %}<script>alert(1)</script>.mp4",
    "tab\tand\u2028separator\u202emoc.mp4",
    "👨‍👩‍👧 emoji.mp4",
    unicodedata.normalize("NFD", "é.mp4"),
]
AWKWARD = [
    *WORST,
    "http://127.0.0.1:1/film.mp4",
    "subfile,,start,0,end,0,,:film.mp4",
    "a|b>c<d&e.mp4",
    "folder/.hidden/film.mp4",
    "trailing blank .mp4 ",
    "back\\slash\\n.mp4",
    "é.mp4",
    "Film.MP4",
    "film.mp4",
    "film.mov",
    "film",
    "CON",
    "0",
]
# fake-gcs-server keeps each object as a file: its system takes no name of more than 255 bytes in one piece, and it
# splits names at "/" and cleans ".." (Cloud Storage takes all of these).
BEYOND_EMULATOR = [
    "--job=gs://elsewhere",
    "../../../../etc/passwd",
    "a/../film.mp4",
    "line\nbreak\r\nand \x1b[2K.mp4",
    "nul\x00byte.mp4",
    "影" * 341,
    "x" * 1024,
    "./film.mp4",
]


@pytest.fixture(scope="module")
def tiny(films: FilmShelf) -> Path:
    return films["single frame.mp4"]


def make(buckets: storage.Client, film: Path, profile: Profile, folder: Path, name: str) -> Work:
    folder.mkdir(exist_ok=True)
    return Work(buckets, film, profile, folder, name)


@pytest.mark.parametrize("name", WORST, ids=[str(number) for number in range(len(WORST))])
def test_an_awkward_name_goes_the_whole_way(
    name: str,
    buckets: storage.Client,
    tiny: Path,
    quick: Profile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    work = make(buckets, tiny, quick, tmp_path / "work", name)
    work.split()
    report = work.merge()
    expected = output_name("", name, quick.container)
    found = {blob.name for blob in buckets.list_blobs(work.job.output_bucket)}
    assert {expected, report_name(expected)} <= found
    assert report.source.address.name == name
    assert sorted(os.listdir(tmp_path)) == ["work"]
    assert work.job.source.address.url not in " ".join(word for line in report.commands for word in line.split())


def test_every_name_has_an_output_of_its_own(quick: Profile) -> None:
    names = [*AWKWARD, *BEYOND_EMULATOR]
    outputs = {output_name("", name, quick.container) for name in names}
    assert len(outputs) == len(names)
    folded = {output_name("films/", name, quick.container) for name in names}
    assert all(name.startswith("films/") for name in folded)


def test_the_real_programs_take_the_worst_name(
    buckets: storage.Client, tiny: Path, quick: Profile, tmp_path: Path
) -> None:
    name = "-i %d 'concat:|file:' $(id)\t👻.mp4"
    work = make(buckets, tiny, quick, tmp_path / "work", name)
    for verb, chunk in ((Verb.SPLIT, None), (Verb.ENCODE, 0), (Verb.ENCODE_AUDIO, None), (Verb.MERGE, None)):
        ended = work.run(verb, chunk)
        assert (ended.status, ended.error, ended.scratch) == (0, "", [])
    assert output_name("", name, quick.container) in work.published()
