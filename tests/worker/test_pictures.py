"""The pictures beside a film: they show its frames, in its shape; and the film is published without them as well."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import av
import pytest

from encoding_contract.errors import EncoderFault
from encoding_contract.profile import Profile
from encoding_contract.report import Report, parse_publication
from encoding_worker import pictures
from encoding_worker.chart import BitFlow, draw_chart
from tests.worker.films import BITS, FilmShelf
from tests.worker.work import Work

pytestmark = pytest.mark.usefixtures("buckets")

MakeWork = Callable[..., Work]


class Picture:
    """The brightness of a JPEG's pixels."""

    def __init__(self, path: Path) -> None:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
        self.width, self.height = frame.width, frame.height
        self._plane = frame.planes[0]
        self._bytes = bytes(self._plane)

    def at(self, x: float, y: float) -> int:
        return self._bytes[int(y) * self._plane.line_size + int(x)]


def finish(work: Work) -> Report:
    work.finish_chunks()
    return work.merge()


def test_a_contact_sheet_shows_the_whole_film_in_order(films: FilmShelf, make_work: MakeWork, quick: Profile) -> None:
    work = make_work(films["plain.mp4"], quick)
    report = finish(work)
    assert report.notes == ()
    sheet = Picture(work.fetch(report.pictures.contact_sheet))
    height = (sheet.height - 5 * 4) // 4
    assert sheet.width == 5 * 256 + 6 * 4
    shown = []
    for row in range(4):
        for column in range(5):
            left, top = 4 + column * 260, 4 + row * (height + 4)
            bits = [sheet.at(left + 256 * (bit + 0.5) / BITS, top + height / 4) > 125 for bit in range(BITS)]
            shown.append(sum(1 << bit for bit, is_set in enumerate(bits) if is_set))
    assert shown == pytest.approx([150 * (at + 0.5) / 20 for at in range(20)], abs=1.5)


@pytest.mark.parametrize(
    ("name", "height"),
    [("rotated.mp4", 320 * 160 / 96), ("anamorphic.mkv", 320 * 96 / 160 * 11 / 16), ("single frame.mp4", 192)],
)
def test_a_thumbnail_has_the_shape_that_a_player_shows(
    films: FilmShelf, make_work: MakeWork, quick: Profile, name: str, height: float
) -> None:
    work = make_work(films[name], quick)
    report = finish(work)
    assert report.notes == ()
    thumbnail = Picture(work.fetch(report.pictures.thumbnail))
    assert thumbnail.width == 320
    assert thumbnail.height == pytest.approx(height, abs=1)


def test_a_chart_is_a_drawing_and_nothing_else(films: FilmShelf, make_work: MakeWork, quick: Profile) -> None:
    work = make_work(films["plain.mp4"], quick, '<script>alert("x")</script>.mp4'.replace("/", "_"))
    report = finish(work)
    assert len(report.chunks) == 3
    drawing = work.fetch(report.pictures.chart).read_text()
    root = ElementTree.fromstring(drawing)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not names & {"script", "foreignObject", "image", "iframe", "a", "use"}
    assert not [key for element in root.iter() for key in element.attrib if key.lower().startswith("on")]
    assert "alert" not in drawing
    assert not re.findall(r"(?:href|url\(|@import)[^>]{0,40}http", drawing)
    words = {text.strip() for text in root.itertext()}
    assert {"Mbit/s", "quality of samples (VMAF)", "chunk borders", "0:05"} <= words


def test_bits_are_counted_where_they_are_shown() -> None:
    flow = BitFlow([1000 + 40 * number for number in range(100)])
    for number in range(100):
        flow.take(1000 + 40 * number, 1000 if number < 50 else 3000)
    points = flow.mbit_per_s(4.0)
    assert len(points) == 25
    assert sum(value for _, value in points) * 4 / 25 == pytest.approx(200_000 * 8 / 1e6)
    assert points[0] == (0.08, pytest.approx(0.2))
    assert points[-1] == (3.92, pytest.approx(0.6))


def test_what_stands_beside_a_film_is_no_film(films: FilmShelf, make_work: MakeWork, quick: Profile) -> None:
    work = make_work(films["silent.mp4"], quick)
    report = finish(work)
    beside = {report.pictures.chart, report.pictures.contact_sheet, report.pictures.thumbnail}
    assert len(work.published()) == 2 + len(beside)
    by_name = work.published_metadata()
    done = [name for name, metadata in by_name.items() if parse_publication(metadata) is not None]
    assert done == [report.output.name]
    published = parse_publication(by_name[report.output.name])
    assert published is not None
    assert published.summary == report.summarize()


def test_a_picture_that_fails_is_a_note_and_the_film_is_published(
    films: FilmShelf, make_work: MakeWork, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise EncoderFault("the camera is broken")

    monkeypatch.setattr(pictures, "take_stills", refuse)
    monkeypatch.setattr(pictures, "draw_chart", lambda report, flow: draw_chart(report, None))
    work = make_work(films["silent.mp4"], quick)
    report = finish(work)
    assert report.pictures.thumbnail is report.pictures.chart is None
    assert [note.partition(":")[0] for note in report.notes] == ["no contact sheet and thumbnail", "no chart"]
    assert report.output.name in work.published()
