"""One plain decode of the source: what a player would show, frame by frame. All else is held against it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from encoding_contract.errors import EncoderFault
from encoding_worker.demuxing import as_arguments, input_options
from encoding_worker.ffmpeg import FfmpegFailed, run_ffmpeg
from encoding_worker.framelist import Frame, parse_framecrc

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """The frames of a plain decode in presentation order, and what the decoder complained of."""

    frames: list[Frame]
    messages: list[str]


def decode_frames(
    url: str,
    stream: int,
    time_base: Fraction,
    what: str,
    most: int | None = None,
    reading: Mapping[str, str] | None = None,
) -> Reference:
    """Decode a track from its beginning, in presentation order.

    Args:
        url: ``file:PATH`` or the source's door.
        stream: the stream's index.
        time_base: the track's, in seconds.
        what: what is being done, for messages.
        most: stop after so many frames.
        reading: options that read the track as the plan has it.

    Raises:
        EncoderFault: ffmpeg failed for a reason that is not the source's.
    """
    arguments = as_arguments({**input_options(url), **(reading or {})})
    # -copyts and passthrough: the source's own timestamps, none made up, none dropped; -noautorotate: pixels as stored.
    arguments += ["-copyts", "-noautorotate", "-i", url, "-map", f"0:{stream}", "-an", "-sn", "-dn"]
    arguments += ["-fps_mode", "passthrough", "-enc_time_base", "demux"]
    arguments += [] if most is None else ["-frames:v", str(most)]
    # -flush_packets: a line for each frame as it comes, by which a decoder that hangs is told from a slow one.
    try:
        run = run_ffmpeg([*arguments, "-flush_packets", "1", "-f", "framecrc", "-"], what, keep_stdout=True)
    except FfmpegFailed as error:
        if any("Nothing was written" in message or "no packets" in message for message in error.messages):
            return Reference([], error.messages)
        raise
    frames = parse_framecrc(run.stdout.decode(), time_base)
    if not frames and any("Conversion failed" in message for message in run.messages):
        raise EncoderFault(f"{what}: {run.messages[-1]}")
    return Reference(frames, run.messages)
