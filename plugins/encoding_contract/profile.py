"""How a video shall be encoded: the profile, checked field by field, and its canonical form.

A profile is a YAML file under dags/profiles/. Reading YAML is the caller's business; here it is a mapping.
Refuses unknown fields, unknown codecs, and combinations that a container cannot hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from encoding_contract.errors import ProfileError
from encoding_contract.model import Document, first_problem


class VideoCodec(StrEnum):
    """Encoders of ffmpeg that a profile may name."""

    X264 = "libx264"
    X265 = "libx265"
    SVT_AV1 = "libsvtav1"
    VP9 = "libvpx-vp9"
    H264_NVENC = "h264_nvenc"
    HEVC_NVENC = "hevc_nvenc"
    AV1_NVENC = "av1_nvenc"

    @property
    def needs_gpu(self) -> bool:
        """Whether the encoder runs on an NVIDIA GPU."""
        return self.value.endswith("_nvenc")

    @property
    def crf_limit(self) -> int:
        """The highest (worst) constant rate factor that the encoder takes."""
        return 51 if self in (VideoCodec.X264, VideoCodec.X265, VideoCodec.H264_NVENC, VideoCodec.HEVC_NVENC) else 63


class AudioCodec(StrEnum):
    """What becomes of audio tracks: an encoder of ffmpeg, the source's own packets, or nothing."""

    AAC = "aac"
    OPUS = "libopus"
    FLAC = "flac"
    COPY = "copy"
    NONE = "none"

    @property
    def is_written_in_order(self) -> bool:
        """Whether a track's file can be uploaded while it is made, and takes no scratch.

        FLAC writes its checksum into the file's head at the end, and a copy what its packets have told.
        """
        return self in (AudioCodec.AAC, AudioCodec.OPUS)


class Container(StrEnum):
    """The output's container; also the ending of its name."""

    MP4 = "mp4"
    MKV = "mkv"
    WEBM = "webm"


class DamagePolicy(StrEnum):
    """What to do where the source does not decode cleanly."""

    REFUSE = "refuse"
    TOLERATE = "tolerate"


class AlphaPolicy(StrEnum):
    """What becomes of a transparent film where the profile's codec has no alpha."""

    KEEP = "keep"
    """It is encoded by libvpx-vp9, which has; in mp4, which cannot hold that, alpha is dropped and reported."""
    DROP = "drop"


_WEBM_VIDEO = frozenset({VideoCodec.VP9, VideoCodec.SVT_AV1, VideoCodec.AV1_NVENC})
_WEBM_AUDIO = frozenset({AudioCodec.OPUS, AudioCodec.NONE})

CHUNK_S_LIMIT = 24 * 3600


class VideoSettings(Document):
    """How video tracks are encoded."""

    codec: VideoCodec = VideoCodec.X264
    crf: float | None = Field(default=None, ge=0, le=63)
    """Constant rate factor: lower is better and bigger. Either this or ``bitrate_kbps``."""
    bitrate_kbps: int | None = Field(default=None, ge=10, le=800_000)
    """Mean bits a second of the film, in 1,000: two passes where the encoder has them."""
    preset: str | None = Field(default=None, pattern=r"^[a-z0-9]{1,20}$")
    """The encoder's own preset: medium, slow, 8, p5, ..."""
    tune: str | None = Field(default=None, pattern=r"^[a-z]{1,20}$")
    pixel_format: str | None = Field(default=None, pattern=r"^[a-z0-9]{3,20}$")
    """ffmpeg's name of it; left out: the source's own, or the nearest that the encoder takes."""
    max_height: int | None = Field(default=None, ge=16, le=16_384)
    """Taller pictures are scaled down to it, in proportion; none is scaled up."""
    options: dict[str, str] = Field(default_factory=dict)
    """Further options of the encoder, as ffmpeg names them."""

    @field_validator("preset", mode="before")
    @classmethod
    def _preset_is_text(cls, preset: Any) -> Any:
        return str(preset) if isinstance(preset, int) and not isinstance(preset, bool) else preset

    @model_validator(mode="before")
    @classmethod
    def _options_are_text(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and isinstance(fields.get("options"), dict):
            options = {str(name): str(value) for name, value in fields["options"].items()}
            return {**fields, "options": options}
        return fields

    @model_validator(mode="after")
    def _one_quality(self) -> Self:
        if (self.crf is None) == (self.bitrate_kbps is None):
            raise ValueError("needs either crf or bitrate_kbps, and not both")
        if self.crf is not None and self.crf > self.codec.crf_limit:
            raise ValueError(f"crf of {self.codec.value} is 0 to {self.codec.crf_limit}, not {self.crf:g}")
        for name in self.options:
            if not name.replace("-", "").replace("_", "").isalnum() or name.startswith("-"):
                raise ValueError(f"options: {name!r} is no name of an encoder option")
            if name in _OPTIONS_OF_OURS:
                raise ValueError(f"options: {name!r} is set by Mapreel itself; use the field for it, if there is one")
        return self


_OPTIONS_OF_OURS = frozenset(
    (  # noqa: SIM905 - a list of 40 short words is read more easily as words
        "i f y n map c codec vcodec acodec r s t ss to vf af filter filter_complex pix_fmt fps_mode vsync copyts pass "
        "passlogfile enc_time_base threads vn an sn dn frames crf b preset tune attach dump_attachment"
    ).split()
)
"""Options that would change what is read, written or counted, and not how it is encoded."""


class AudioSettings(Document):
    """How audio tracks are encoded: each as a whole, beside the chunks."""

    codec: AudioCodec = AudioCodec.AAC
    bitrate_kbps: int | None = Field(default=None, ge=6, le=6_000)
    """For a stereo track; others get it in proportion to their channels. Left out: the encoder's own choice."""

    @model_validator(mode="after")
    def _bitrate_only_where_lossy(self) -> Self:
        if self.bitrate_kbps is not None and self.codec not in (AudioCodec.AAC, AudioCodec.OPUS):
            raise ValueError(f"bitrate_kbps does not go with codec {self.codec.value}")
        return self


class Profile(Document):
    """How a video shall be encoded."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    description: str = Field(default="", max_length=500)
    video: VideoSettings
    audio: AudioSettings = AudioSettings()
    container: Container = Container.MKV
    chunk_s: float = Field(default=120, ge=0, le=CHUNK_S_LIMIT)
    """The wanted length of a chunk in seconds; 0 encodes the film whole."""
    damaged: DamagePolicy = DamagePolicy.REFUSE
    alpha: AlphaPolicy = AlphaPolicy.KEEP

    @model_validator(mode="after")
    def _container_holds_codecs(self) -> Self:
        if self.container is Container.WEBM:
            if self.video.codec not in _WEBM_VIDEO:
                raise ValueError(f"container: webm cannot hold {self.video.codec.value}; take mkv or mp4")
            if self.audio.codec not in _WEBM_AUDIO:
                raise ValueError(f"container: webm cannot hold {self.audio.codec.value} audio; take libopus or none")
        return self

    def fingerprint(self) -> str:
        """Return the digest of all that changes the output's bytes: not the name, not the description."""
        return self.model_copy(update={"name": "-", "description": ""}).digest()


def parse_profile(name: str, fields: object, overrides: Mapping[str, Any] | None = None) -> Profile:
    """Check a profile's fields, with single fields replaced by overrides (``{"video": {"crf": 20}}``).

    Raises:
        ProfileError: names the profile and the first wrong field.
    """
    if not isinstance(fields, dict):
        raise ProfileError(f"profile {name}: must be a mapping of fields, found {type(fields).__name__}")
    try:
        merged = _merge({key: value for key, value in fields.items() if key != "name"}, overrides or {})
        return Profile.model_validate({**merged, "name": name})
    except ValidationError as error:
        raise ProfileError(
            f"profile {name}: {first_problem(error)}; mend the profile or the override, then clear the task"
        ) from error
    except RecursionError as error:  # an alias of YAML that leads back to itself
        raise ProfileError(f"profile {name}: is nested too deep; mend the profile or the override") from error


def _merge(fields: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(fields)
    for key, value in overrides.items():
        below = merged.get(key)
        is_open = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merge(below, value) if is_open and isinstance(below, Mapping) else value
    # A quality given by an override replaces the profile's other kind of quality.
    for given, other in (("crf", "bitrate_kbps"), ("bitrate_kbps", "crf")):
        if overrides.get(given) is not None and overrides.get(other) is None:
            merged.pop(other, None)
    return merged
