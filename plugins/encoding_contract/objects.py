"""Every object name: in the work bucket below the job's id, in the output bucket beside the source's own name.

Injective: two sources never share an output, whatever their names.
"""

from __future__ import annotations

import hashlib
import re

from encoding_contract.errors import BadInput
from encoding_contract.job import JobId, ObjectAddress
from encoding_contract.profile import Container

_JOB_URL = re.compile(r"gs://(?P<bucket>[^/]+)/jobs/(?P<id>[0-9a-f]{32})/job\.json")

# Cloud Storage allows names of 1,024 bytes in UTF-8; the longest ending of ours must still fit. No ending may be
# longer than the report's: more room for it would rename the outputs of long names, and encode them all again.
_REPORT_ENDING = ".report.json"
_CONTACT_ENDING = ".contact.jpg"
_THUMBNAIL_ENDING = ".thumb.jpg"
_CHART_ENDING = ".chart.svg"
_NAME_LIMIT_BYTES = 1024 - len(".webm") - len(_REPORT_ENDING)
_CUT = re.compile(r"~[0-9a-f]{64}\Z")


def job_url(work_bucket: str, job: JobId) -> str:
    """Return a job's address, which is the address of its document."""
    return f"gs://{work_bucket}/{JobObjects(job).job}"


def parse_job_url(url: str) -> tuple[str, JobId]:
    """Return the work bucket and the job's id.

    Raises:
        BadInput: it is no job's address.
    """
    match = _JOB_URL.fullmatch(url)
    if match is None:
        raise BadInput(f"{url!r} is no job's address: expected gs://WORK/jobs/ID/job.json")
    return match["bucket"], JobId(match["id"])


class JobObjects:
    """The names of one job's objects in the work bucket."""

    def __init__(self, job: JobId) -> None:
        self.prefix = f"jobs/{job}/"
        self.job = f"{self.prefix}job.json"
        self.plan = f"{self.prefix}plan.json"
        self.audio_manifest = f"{self.prefix}audio.json"
        self.claim = f"{self.prefix}claim.json"

    def piece(self, number: str) -> str:
        """A piece of the source, by its number in the plan (stream and position), from which a chunk is decoded."""
        return f"{self.prefix}pieces/{number}.mkv"

    def chunk_video(self, index: int) -> str:
        """A chunk's encoded frames."""
        return f"{self.prefix}chunks/{index:06d}/video.mkv"

    def chunk_frames(self, index: int) -> str:
        """The list of the frames that a chunk's decoder gave: PTS and checksum of each."""
        return f"{self.prefix}chunks/{index:06d}/frames.txt"

    def chunk_manifest(self, index: int) -> str:
        """What vouches for the two above."""
        return f"{self.prefix}chunks/{index:06d}/manifest.json"

    def audio_track(self, position: int) -> str:
        """An encoded audio track, counted from 0 among the source's audio tracks."""
        return f"{self.prefix}audio/{position:03d}.mka"


def source_claim_name(source: ObjectAddress) -> str:
    """Return the name of the work object that tells which run was last at a source, whatever its settings."""
    return f"sources/{hashlib.sha256(source.url.encode()).hexdigest()}.json"


def output_name(prefix: str, source_name: str, container: Container) -> str:
    """Return the output's name: the source's whole name, with the container's ending added.

    The source's own ending stays (``film.mov`` becomes ``film.mov.mkv``), so that ``film.mov`` and ``film.avi``
    get an output each. A name too long for an ending is cut, and told apart by its SHA-256.
    """
    return f"{prefix}{_fitting(prefix, source_name)}.{container.value}"


def report_name(output: str) -> str:
    """Return the name of the report that stands beside an output."""
    return output + _REPORT_ENDING


def contact_sheet_name(output: str) -> str:
    """Return the name of the picture of frames from all over an output."""
    return output + _CONTACT_ENDING


def thumbnail_name(output: str) -> str:
    """Return the name of the small picture of one frame of an output."""
    return output + _THUMBNAIL_ENDING


def chart_name(output: str) -> str:
    """Return the name of the drawing of an output's bits and quality over time."""
    return output + _CHART_ENDING


def output_stem(prefix: str, source_name: str) -> str:
    """Return what all outputs of a source begin with, whatever their container."""
    return f"{prefix}{_fitting(prefix, source_name)}."


def _fitting(prefix: str, name: str) -> str:
    room = _NAME_LIMIT_BYTES - len(prefix.encode())
    raw = name.encode()
    # A short name that looks like a cut one is cut as well: else somebody could take a long name's output by it.
    if len(raw) <= room and not _CUT.search(name):
        return name
    tail = "~" + hashlib.sha256(raw).hexdigest()
    return raw[: room - len(tail)].decode(errors="ignore") + tail
