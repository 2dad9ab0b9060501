"""The source's streams, and the chunks that partition the frames of its video tracks exactly.

Media time is integer PTS in the track's own time base; ranges are half-open. Frames are counted from packets or
from decoded frames, never from a duration.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Self

from pydantic import Field, model_validator

from encoding_contract.job import JobId
from encoding_contract.model import Document, VersionedDocument

_RATIO = r"^[1-9][0-9]{0,39}/[1-9][0-9]{0,39}$"


class StreamKind(StrEnum):
    """What a stream of the source is. A cover is a picture, not a film: ffmpeg calls it an attached picture."""

    VIDEO = "video"
    AUDIO = "audio"
    SUBTITLE = "subtitle"
    ATTACHMENT = "attachment"
    COVER = "cover"
    DATA = "data"


class ClockJump(Document):
    """Where a stream's clock starts again, as in recordings that were put one behind another."""

    position: int = Field(ge=0)
    """The byte of the source at which the first packet of the new clock lies."""
    shift: int
    """Ticks of the stream's time base that are added to its timestamps from there on."""


class SourceStream(Document):
    """One stream of the source, as the demuxer describes it."""

    index: int = Field(ge=0)
    kind: StreamKind
    codec: str
    """ffmpeg's name of the codec; ``unknown`` where it has none."""
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()
    channels: int | None = None
    sample_rate_hz: int | None = None
    has_usable_times: bool = True
    """Whether an audio track's timestamps run with its samples; where not, the samples alone are the clock."""
    clock_jumps: tuple[ClockJump, ...] = ()
    """In the order of their positions; each shift stands for itself, and not on top of the one before."""
    codec_tag: str = ""
    filename: str | None = None
    mimetype: str | None = None


class CutMethod(StrEnum):
    """How a chunk's frames are told from its neighbours'."""

    PTS = "pts"
    """By presentation timestamp, out of a piece of the source that carries pre-roll."""
    FRAME = "frame"
    """By number, counted from the film's first frame: where timestamps are missing, doubled or out of order."""


class Colour(Document):
    """The colour description in code points of ITU-T H.273; ``None`` where the source states none."""

    primaries: int | None = None
    transfer: int | None = None
    matrix: int | None = None
    is_full_range: bool | None = None


class MasteringDisplay(Document):
    """SMPTE ST 2086, as exact fractions written ``N/D``: chromaticities of CIE 1931, luminance in cd/m²."""

    red: tuple[str, str]
    green: tuple[str, str]
    blue: tuple[str, str]
    white: tuple[str, str]
    min_luminance: str
    max_luminance: str


class LightLevel(Document):
    """CTA-861.3 content light level in cd/m²."""

    max_content: int
    max_frame_average: int


class VideoTrack(Document):
    """A video stream that is encoded, and all of its description that an encoder must be told."""

    stream: int = Field(ge=0)
    time_base: str = Field(pattern=_RATIO)
    """Seconds of one tick, ``N/D``."""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    pixel_format: str
    has_alpha: bool = False
    frame_rate: str = Field(pattern=_RATIO)
    """Frames a second, ``N/D``: nominal, used for rate control only."""
    sample_aspect_ratio: str = Field(default="1/1", pattern=_RATIO)
    rotation_deg: int = 0
    """Clockwise turn that a player makes."""
    is_mirrored: bool = False
    """Whether a player swaps left and right, after that turn."""
    field_order: str = "progressive"
    """``progressive``, ``tt`` (top field first) or ``bb``."""
    colour: Colour = Colour()
    mastering_display: MasteringDisplay | None = None
    light_level: LightLevel | None = None
    has_dolby_vision: bool = False
    stereo_mode: str = ""
    """How two views (3D) lie in one picture, by Matroska's names (``left_right``); empty where there is one."""
    is_spherical: bool = False
    """Whether the picture is a view all round, of which a player shows a part."""
    hidden_units: str = Field(default="", pattern=r"^([0-9]+(\|[0-9]+)*)?$")
    """Types of NAL units that no decoder is to see, as ffmpeg's ``filter_units`` takes them."""
    frames: int = Field(ge=1)
    first_pts: int
    end_pts: int
    """One past the last frame: its PTS and its duration."""
    cut: CutMethod
    cut_reason: str = ""
    """Why it is not cut by PTS, or not cut at all."""

    def seconds(self, ticks: int) -> Fraction:
        """Return a number of ticks in seconds, exactly."""
        return ticks * Fraction(self.time_base)


class Chunk(Document):
    """A range of one track's frames, encoded by one mapped task."""

    index: int = Field(ge=0)
    """Counted over all tracks: the index of the mapped task."""
    track: int = Field(ge=0)
    """The position in ``Plan.tracks``."""
    first_frame: int = Field(ge=0)
    frames: int = Field(ge=1)
    start_pts: int
    end_pts: int
    """PTS of the first frame of the next chunk; for a track's last chunk, the track's end. Where a track is cut by
    frame number its PTS are mended first, so that they increase: see ``mend_timestamps``."""
    pts_digest: str
    """``digest_pts`` of the frames' PTS in presentation order."""
    piece: str | None = Field(default=None, pattern=r"^[0-9]{3}-[0-9]{6}$")
    """Which piece of the source the chunk is decoded from; none where it is decoded from the source itself."""
    piece_bytes: int = Field(default=0, ge=0)
    piece_crc32c: str = ""
    weight_bytes: int = Field(default=0, ge=0)
    """What the source's own encoder spent on these frames: a first look at their complexity."""
    piece_offset: int = 0
    """A timestamp of the piece plus this is the source's PTS."""

    @property
    def end_frame(self) -> int:
        """One past the last frame's number."""
        return self.first_frame + self.frames


class Plan(VersionedDocument):
    """What split found, and how the work is divided."""

    job_id: JobId
    container: str
    """The source's container, by ffmpeg's name of the demuxer."""
    duration_us: int = Field(ge=0)
    """From the first video frame to the end of the last one, in microseconds."""
    start_us: int = 0
    """What ffmpeg takes for the source's start, in microseconds: the zero of its own clock."""
    streams: tuple[SourceStream, ...]
    tracks: tuple[VideoTrack, ...] = Field(min_length=1)
    chunks: tuple[Chunk, ...] = Field(min_length=1)
    damage: tuple[str, ...] = ()
    """Damaged spots that the profile tolerates."""
    splitter: str
    """Versions of what made the plan."""

    @model_validator(mode="after")
    def _chunks_partition_frames(self) -> Self:
        if [chunk.index for chunk in self.chunks] != list(range(len(self.chunks))):
            raise ValueError("chunks: must be numbered from 0 without a gap")
        for position, track in enumerate(self.tracks):
            chunks = self.chunks_of(position)
            frame = 0
            for chunk in chunks:
                if chunk.first_frame != frame:
                    raise ValueError(f"chunks: chunk {chunk.index} begins at frame {chunk.first_frame}, not {frame}")
                frame = chunk.end_frame
            if frame != track.frames:
                raise ValueError(f"chunks: track {position} has {track.frames} frames, its chunks {frame}")
            for before, after in pairwise(chunks):
                if before.end_pts != after.start_pts or before.start_pts >= before.end_pts:
                    raise ValueError(f"chunks: chunk {before.index} does not end where {after.index} begins")
        return self

    def chunks_of(self, track: int) -> list[Chunk]:
        """Return the chunks of one track, in order."""
        return [chunk for chunk in self.chunks if chunk.track == track]

    def streams_of(self, kind: StreamKind) -> list[SourceStream]:
        """Return the source's streams of one kind, in order."""
        return [stream for stream in self.streams if stream.kind is kind]


def digest_pts(timestamps: Iterable[int]) -> str:
    """Return the SHA-256, in hex, of timestamps as little-endian 64-bit integers."""
    return hashlib.sha256(array("q", timestamps).tobytes()).hexdigest()


def frame_step(frame_rate: Fraction, time_base: Fraction) -> int:
    """Return the length of a frame in ticks, at least one."""
    return max(1, round(1 / frame_rate / time_base))


STANDING_FRAMES = 25
"""So many frames at one time are no frames out of order, but a clock that stands."""


def spread_timestamps(timestamps: Iterable[int | None], step: int) -> list[int | None]:
    """Return timestamps that go on by ``step`` where their clock stands.

    It stands where a clock starts again in the middle, as in recordings that were put one behind another: ffmpeg's
    muxers hold a timestamp that falls back at the last one until it has caught up.
    """
    spread: list[int | None] = []
    offset = 0
    for timestamp, same in groupby(timestamps):
        frames = len(list(same))
        if timestamp is None:
            spread += [None] * frames
            continue
        stride = step if frames > STANDING_FRAMES else 0
        spread += [timestamp + offset + place * stride for place in range(frames)]
        offset += (frames - 1) * stride
    return spread


def mend_timestamps(timestamps: Iterable[int | None], step: int) -> list[int]:
    """Return strictly increasing timestamps: a missing one follows the one before it by ``step``, a late one by 1.

    What no container can hold (two frames at one time, a frame before the one that is shown before it) is moved by
    as little as possible; all others stay.
    """
    mended: list[int] = []
    for timestamp in timestamps:
        if not mended:
            mended.append(0 if timestamp is None else timestamp)
        elif timestamp is None:
            mended.append(mended[-1] + step)
        else:
            mended.append(max(timestamp, mended[-1] + 1))
    return mended


def choose_borders(candidates: list[int], total: int, wanted: int) -> list[int]:
    """Choose where chunks begin, in frame numbers: 0 first, and each later one a candidate.

    A chunk is at least as long as wanted, and ends at the first candidate from there on; a last piece of less than
    half the wanted length joins the chunk before it.

    Args:
        candidates: frame numbers at which a chunk may begin, ascending.
        total: number of frames of the track.
        wanted: the length that a chunk should have, in frames; 0 makes one chunk.
    """
    borders = [0]
    if wanted <= 0:
        return borders
    for candidate in candidates:
        if candidate - borders[-1] >= wanted and candidate < total:
            borders.append(candidate)
    if len(borders) > 1 and (total - borders[-1]) * 2 < wanted:
        borders.pop()
    return borders
