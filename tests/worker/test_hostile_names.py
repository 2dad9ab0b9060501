"""Names that are options, protocols, patterns, paths or lines elsewhere: each film gets its own output, and no more.

The worst of them in one goes through the real programs.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from google.cloud import storage

from encoding_contract.command import Verb
from encoding_contract.objects import output_name
from encoding_contract.profile import Profile
from tests.worker.films import FilmShelf
from tests.worker.work import Work

AWKWARD = [
    """quotes ' " ` and $(touch pwned) ; rm -rf /.mp4""",
    "-y.mp4",
    "--job=gs://elsewhere",
    "%d %s %05d %(name)s {0}.mp4",
    "film-%03d.mp4",
    "concat:a.mp4|b.mp4",
    "file:/etc/passwd",
    "{{ ds }}{% raw %}<script>alert(1)</script>.mp4",
    "tab\tand\u2028separator\u202emoc.mp4",
    "👨‍👩‍👧 emoji.mp4",
    unicodedata.normalize("NFD", "é.mp4"),
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
