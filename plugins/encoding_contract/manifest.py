"""What vouches for a finished result: written after the result, and read before anything trusts it."""

from __future__ import annotations

from pydantic import Field

from encoding_contract.job import Content, JobId
from encoding_contract.model import Document, VersionedDocument
from encoding_contract.quality import ChunkQuality


class StoredObject(Document):
    """An object of the work bucket that a manifest vouches for."""

    name: str
    content: Content


class Timing(Document):
    """What a step cost."""

    wall_s: float = Field(ge=0)
    cpu_s: float = Field(ge=0)
    """User and system time of the encoder process."""


class ChunkManifest(VersionedDocument):
    """Vouches for one encoded chunk."""

    job_id: JobId
    chunk: int = Field(ge=0)
    inputs: str
    """Digest of all that decides the chunk's bytes: source content, range, track, settings, encoder."""
    video: StoredObject
    frame_list: StoredObject
    frames: int = Field(ge=1)
    reordered: int = Field(ge=0)
    """How many packets at most are decoded before one that is shown earlier."""
    pts_digest: str
    encoder: str
    """Versions of ffmpeg and of this program."""
    commands: tuple[str, ...]
    timing: Timing
    damage: tuple[str, ...] = ()
    quality: ChunkQuality | None = None
    """How near the encoded frames are to those that went in; none where it was not measured."""
    notes: tuple[str, ...] = ()
    """What could not be measured, each with its reason."""


class AudioTrackResult(Document):
    """One encoded (or copied) audio track."""

    stream: int = Field(ge=0)
    """The source's stream."""
    object: StoredObject


class AudioManifest(VersionedDocument):
    """Vouches for all audio of a job; without tracks, where the source or the profile has none."""

    job_id: JobId
    inputs: str
    tracks: tuple[AudioTrackResult, ...]
    encoder: str
    commands: tuple[str, ...]
    timing: Timing
    notes: tuple[str, ...] = ()
    """What could not be taken over, each with its reason."""
