"""What people look at beside a film: made, and put into the output bucket, before the film itself is published.

A picture that cannot be made is a note in the report; the film is as good without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from encoding_contract.job import ObjectAddress
from encoding_contract.objects import chart_name, contact_sheet_name, thumbnail_name
from encoding_contract.plan import VideoTrack
from encoding_contract.report import Pictures, Report
from encoding_worker.chart import BitFlow, draw_chart
from encoding_worker.interruption import interruption
from encoding_worker.stills import take_stills
from encoding_worker.task import Task

logger = logging.getLogger(__name__)


def publish_pictures(task: Task, track: VideoTrack, report: Report, film: Path, flow: BitFlow) -> Report:
    """Make and store a film's pictures; return the report with their names, and with notes of those that failed.

    Args:
        task: the merge.
        track: the source's first video track.
        report: the film's.
        film: the finished film.
        flow: its bytes over time.
    """
    what = f"job {task.job.id}"
    notes: list[str] = []
    names: dict[str, str] = {}

    def put(kind: str, path: Path, name: Callable[[str], str], content_type: str) -> None:
        address = ObjectAddress(bucket=report.output.bucket, name=name(report.output.name))
        task.store.upload(path, address, content_type=content_type)
        names[kind] = address.name

    with _noted("contact sheet and thumbnail", notes):
        stills = take_stills(film, track, report.frames, task.scratch, what)
        put("contact_sheet", stills.contact_sheet, contact_sheet_name, "image/jpeg")
        put("thumbnail", stills.thumbnail, thumbnail_name, "image/jpeg")
    with _noted("chart", notes):
        path = task.scratch / "chart.svg"
        path.write_bytes(draw_chart(report, flow))
        put("chart", path, chart_name, "image/svg+xml")
    return report.model_copy(update={"pictures": Pictures(**names), "notes": (*report.notes, *notes)})


@contextmanager
def _noted(what: str, notes: list[str]) -> Iterator[None]:
    try:
        yield
    # Whatever a drawing library or a decoder raises: a film that is proven whole is published.
    except Exception as error:
        interruption.check()
        notes.append(f"no {what}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        logger.warning("%s", notes[-1])
