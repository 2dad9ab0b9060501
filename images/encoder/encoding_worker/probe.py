"""What the source is: its streams, and all of a video track that an encoder must be told.

Facts come from the demuxer and from the first decoded frames, never from a file's name.
"""

from __future__ import annotations

import math
import re
import signal
import struct
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from encoding_contract.command import LIMIT_PREFIX
from encoding_contract.errors import UnreadableSource
from encoding_contract.plan import Colour, LightLevel, MasteringDisplay, SourceStream, StreamKind, VideoTrack
from encoding_worker.clock import film_options
from encoding_worker.demuxing import as_arguments, input_options
from encoding_worker.ffmpeg import BoundsPassed, FfmpegFailed, run_ffmpeg
from encoding_worker.frame_data import find_side_data, side_data_of
from encoding_worker.hanging import hang_watch
from encoding_worker.limits import Limits
from encoding_worker.views import hidden_units, is_spherical, stereo_mode

_FRAMES_LOOKED_AT = 16
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS)
FASTEST_HZ = 300
"""Above it a stated frame rate is a container's tick, not a rate of pictures."""

_UNSPECIFIED = (0, 2, 3)
"""Code points of ITU-T H.273 that state nothing: reserved, unspecified, reserved. Of matrices, 0 means RGB."""


def take_look(url: str, name: str, limits: Limits) -> dict[int, str]:
    """Have ffmpeg find out what the source is, in a process that is bounded in time and memory.

    Comes before this process opens the source: what kills or starves a demuxer kills and starves that one.

    Returns:
        The four-character codes of the streams, by index: the only name that a data stream has (``tmcd``).

    Raises:
        UnreadableSource: it takes too much, or ffmpeg crashes at it.
    """
    options = as_arguments(input_options(url))
    try:
        messages = run_ffmpeg(
            [*options, "-loglevel", "info", "-i", url, "-map", "0:v?", "-c", "copy", "-t", "0", "-f", "null", "-"],
            f"{name}: streams",
            keep_stdout=True,
            most_s=limits.look_s,
            most_mib=limits.look_mib,
        ).messages
    except BoundsPassed as error:
        raise UnreadableSource(
            f"{error} to find out what it is; remove it, or raise {LIMIT_PREFIX}LOOK_S and {LIMIT_PREFIX}LOOK_MIB"
        ) from error
    except FfmpegFailed as error:
        if -error.returncode in _CRASHES:
            raise UnreadableSource(f"{error}; ffmpeg crashes at it; remove it, or upload it again") from error
        messages = error.messages  # opening it tells what is wrong, if anything is
    found = re.findall(r"Stream #0:(\d+)\S*: \w+: .*?\((\w{4}) / 0x", "\n".join(messages))
    return {int(index): tag for index, tag in found}


def describe_streams(container: InputContainer, tags: dict[int, str] | None = None) -> tuple[SourceStream, ...]:
    """Return the source's streams in order.

    Args:
        container: the source.
        tags: what ``take_look`` found.
    """
    return tuple(_describe(stream, (tags or {}).get(stream.index, "")) for stream in container.streams)


def _describe(stream: av.stream.Stream, codec_tag: str) -> SourceStream:
    context = getattr(stream, "codec_context", None)
    kind = _kind(stream)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    language = tags.get("language")
    return SourceStream(
        index=stream.index,
        kind=kind,
        codec=context.codec.canonical_name if context is not None else "unknown",
        codec_tag=codec_tag,
        language=None if language in (None, "", "und") else language,
        title=tags.get("title") or None,
        dispositions=tuple(flag.name for flag in Disposition if flag and flag in stream.disposition and flag.name),
        channels=context.channels if kind is StreamKind.AUDIO and context is not None else None,
        sample_rate_hz=context.sample_rate if kind is StreamKind.AUDIO and context is not None else None,
        filename=tags.get("filename"),
        mimetype=tags.get("mimetype"),
    )


def _kind(stream: av.stream.Stream) -> StreamKind:
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if stream.type == "video":
        is_picture = Disposition.attached_pic in stream.disposition
        is_picture = is_picture or (tags.get("mimetype", "").startswith("image/") and "filename" in tags)
        return StreamKind.COVER if is_picture else StreamKind.VIDEO
    if stream.type in ("audio", "subtitle", "attachment"):
        return StreamKind(stream.type)
    return StreamKind.DATA


def is_encodable(stream: av.stream.Stream) -> bool:
    """Tell whether a video stream holds pictures at all: a broken header leaves one without codec or size."""
    return isinstance(stream, VideoStream) and bool(stream.codec_context) and bool(stream.codec_context.width)


def describe_track(url: str, name: str, stream: VideoStream, frame: VideoFrame) -> VideoTrack:
    """Describe a video track by its stream and its first decoded frame; frames and times are filled in by the plan."""
    context = stream.codec_context
    time_base = stream.time_base or Fraction(1, 90_000)
    pixel_format = frame.format.name
    is_deep_alpha = bool(re.match(r"yuva|gbrap|rgba|argb|bgra|abgr|ya\d|pal8", pixel_format))
    is_side_alpha = context.codec.canonical_name in ("vp8", "vp9") and stream.metadata.get("alpha_mode") == "1"
    rotation_deg, is_mirrored = _orientation(frame)
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
    track = VideoTrack(
        stream=stream.index,
        time_base=_text(time_base),
        width=frame.width,
        height=frame.height,
        pixel_format=pixel_format,
        has_alpha=is_deep_alpha or is_side_alpha,
        frame_rate=_text(_frame_rate(stream)),
        sample_aspect_ratio=_text(aspect if aspect > 0 else Fraction(1)),
        rotation_deg=rotation_deg,
        is_mirrored=is_mirrored,
        colour=_colour(frame),
        mastering_display=_mastering_display(frame),
        light_level=_light_level(frame),
        has_dolby_vision=any(data.type.name.startswith("DOVI") for data in side_data_of(frame)),
        stereo_mode=stereo_mode(frame),
        is_spherical=is_spherical(frame),
        hidden_units=hidden_units(frame, context.codec.canonical_name),
        frames=1,
        first_pts=0,
        end_pts=1,
        cut="pts",
    )
    return track.model_copy(update={"field_order": _field_order(url, name, track)})


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    """Return how far a player turns the picture clockwise, in degrees, and whether it then swaps left and right.

    Read from the display matrix (libavutil/display.h): x' = ax + cy, y' = bx + dy.
    """
    raw = find_side_data(frame, "DISPLAYMATRIX")
    if raw is None:
        return 0, False
    a, b, _, c, d, *_ = struct.unpack_from("=9i", raw)
    is_mirrored = a * d - b * c < 0
    return round(math.degrees(math.atan2(b, -a if is_mirrored else a))) % 360, is_mirrored


def first_frame(container: InputContainer, stream: VideoStream, name: str) -> VideoFrame:
    """Decode the first frame of a track.

    Raises:
        UnreadableSource: no frame decodes.
    """
    error: Exception | None = None
    for packet in hang_watch.each(container.demux(stream), name):
        try:
            with hang_watch.over(name):
                frames = packet.decode()
            for frame in frames:
                return frame
        except av.error.FFmpegError as problem:
            error = problem
    raise UnreadableSource(f"{name}: no frame of video stream {stream.index} decodes ({error}); upload it again")


def _text(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _frame_rate(stream: VideoStream) -> Fraction:
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and 0 < rate <= FASTEST_HZ:
            return Fraction(rate)
    return Fraction(25)


def _field_order(url: str, name: str, track: VideoTrack) -> str:
    """Look at the first frames: a stream's header often says nothing, or something else."""
    reading = as_arguments({**input_options(url), **film_options(track, track.stream)})
    looking = ["-map", f"0:{track.stream}", "-frames:v", str(_FRAMES_LOOKED_AT), "-vf", "showinfo=checksum=0"]
    found = run_ffmpeg(
        [*reading, "-loglevel", "info", "-i", url, *looking, "-fps_mode", "passthrough", "-f", "null", "-"],
        f"{name}: field order",
        keep_stdout=True,
    )
    kinds = re.findall(r"showinfo.* i:([PTB]) ", "\n".join(found.messages))
    tops, bottoms = kinds.count("T"), kinds.count("B")
    if (tops + bottoms) * 2 <= len(kinds):
        return "progressive"
    return "tt" if tops >= bottoms else "bb"


def _colour(frame: VideoFrame) -> Colour:
    def stated(value: int) -> int | None:
        return None if int(value) in _UNSPECIFIED else int(value)

    is_rgb = frame.format.name.startswith(("gbr", "rgb", "bgr", "argb", "abgr"))
    color_range = int(frame.color_range)
    return Colour(
        primaries=stated(frame.color_primaries),
        transfer=stated(frame.color_trc),
        # Of matrices, 0 states RGB, falsely where there is luma.
        matrix=0 if is_rgb or int(frame.colorspace) == 0 else stated(frame.colorspace),
        is_full_range=color_range == 2 if color_range else frame.format.name.startswith("yuvj") or is_rgb or None,
    )


def _mastering_display(frame: VideoFrame) -> MasteringDisplay | None:
    """Read AVMasteringDisplayMetadata (libavutil/mastering_display_metadata.h): 20 ints of rationals, two flags."""
    raw = find_side_data(frame, "MASTERING_DISPLAY_METADATA")
    if raw is None:
        return None
    numbers = struct.unpack_from("=22i", raw)
    if not (numbers[20] and numbers[21]) or any(number == 0 for number in numbers[1:20:2]):
        return None
    pairs = [f"{numbers[at]}/{numbers[at + 1]}" for at in range(0, 20, 2)]
    return MasteringDisplay(
        red=(pairs[0], pairs[1]),
        green=(pairs[2], pairs[3]),
        blue=(pairs[4], pairs[5]),
        white=(pairs[6], pairs[7]),
        min_luminance=pairs[8],
        max_luminance=pairs[9],
    )


def _light_level(frame: VideoFrame) -> LightLevel | None:
    """Read AVContentLightMetadata (libavutil/mastering_display_metadata.h)."""
    raw = find_side_data(frame, "CONTENT_LIGHT_LEVEL")
    if raw is None:
        return None
    content, average = struct.unpack_from("=2I", raw)
    return LightLevel(max_content=content, max_frame_average=average)
