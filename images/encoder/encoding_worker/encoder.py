"""What an encoder is told: quality, threads, and all of the track's description that it would else lose.

https://ffmpeg.org/ffmpeg-codecs.html, https://x265.readthedocs.io/en/master/cli.html,
https://gitlab.com/AOMediaCodec/SVT-AV1/-/blob/master/Docs/Parameters.md
"""

from __future__ import annotations

import functools
import subprocess
from fractions import Fraction

from encoding_contract.errors import UnsupportedEncoding
from encoding_contract.plan import MasteringDisplay, VideoTrack
from encoding_contract.profile import VideoCodec, VideoSettings
from encoding_worker.ffmpeg import find_ffmpeg

_LEAST_SIDE = {VideoCodec.X265: 32, VideoCodec.SVT_AV1: 8}
"""Pixels of a picture's shorter side. Smaller ones x265 refuses, or crashes at (48x30); SVT-AV1 refuses them."""


def check_encoder(settings: VideoSettings, width: int, height: int) -> None:
    """Refuse an encoder that this machine or this ffmpeg does not have, or that takes no picture of the size.

    Raises:
        UnsupportedEncoding: says which, and what to do.
    """
    if settings.codec.value not in _known_encoders():
        raise UnsupportedEncoding(f"this ffmpeg has no encoder {settings.codec.value}; use the locked imageio-ffmpeg")
    least = _LEAST_SIDE.get(settings.codec, 1)
    if min(width, height) < least:
        raise UnsupportedEncoding(
            f"{settings.codec.value} takes no picture of {width}x{height}, only from {least}x{least} on; take libx264"
        )
    if settings.codec.needs_gpu:
        _check_gpu(settings.codec)


@functools.cache
def _known_encoders() -> frozenset[str]:
    listing = subprocess.run([find_ffmpeg(), "-hide_banner", "-encoders"], capture_output=True, text=True, check=True)
    return frozenset(line.split()[1] for line in listing.stdout.splitlines() if line.startswith(" V"))


@functools.cache
def _check_gpu(codec: VideoCodec) -> None:
    """Encode one black picture: the only question to a driver whose answer counts."""
    trial = subprocess.run(
        [
            *(find_ffmpeg(), "-nostdin", "-v", "error", "-f", "lavfi", "-i", "color=black:s=256x256"),
            *("-frames:v", "1", "-c:v", codec.value, "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode:
        reason = trial.stderr.strip().splitlines()[0] if trial.stderr.strip() else "no reason given"
        raise UnsupportedEncoding(
            f"{codec.value} needs an NVIDIA GPU, and this machine has none that works ({reason}); give the pods a GPU "
            "(MAPREEL_POD_TEMPLATE), or take a profile without nvenc"
        )


def encoder_options(
    settings: VideoSettings, track: VideoTrack, pixel_format: str, threads: int, kbps: int | None, packing: int | None
) -> dict[str, str]:
    """Return the options of the output for one chunk.

    Args:
        settings: the profile's.
        track: the source's.
        pixel_format: what ``choose_pixel_format`` said.
        threads: how many the encoder may use.
        kbps: the chunk's share of the film's bits, in 1,000 a second; ``None`` at constant quality.
        packing: how two views lie in a picture, where x264 shall tell it: ``views.frame_packing``.
    """
    options = {"c:v": settings.codec.value, "pix_fmt": pixel_format, "threads": str(threads)}
    parameters: dict[str, str] = {}
    _QUALITY[settings.codec](options, settings, kbps)
    if settings.tune is not None:
        options["tune"] = settings.tune
    if track.field_order != "progressive" and settings.codec is VideoCodec.X264:
        # Without both flags x264 takes the fields of a frame for one picture, and says so in the stream.
        options["flags"] = "+ilme+ildct"
        parameters["tff" if track.field_order == "tt" else "bff"] = "1"
    if packing is not None:
        parameters["frame-packing"] = str(packing)
    _describe_light(settings.codec, track, parameters)
    if settings.codec is VideoCodec.X265:
        # x265 starts a thread for each core that it sees, whatever the container's limit.
        parameters |= {"log-level": "error", "pools": str(threads), "frame-threads": "1" if threads == 1 else "0"}
    if settings.codec is VideoCodec.SVT_AV1:
        parameters["lp"] = str(threads)
    if track.has_alpha and settings.codec is VideoCodec.VP9:
        options["auto-alt-ref"] = "0"  # libvpx refuses alternate references together with alpha
    options |= settings.options
    name = _PARAMETERS.get(settings.codec)
    if name and parameters:
        given = options.get(name)
        joined = ":".join(f"{key}={value}" for key, value in parameters.items())
        options[name] = f"{joined}:{given}" if given else joined
    return options


def with_pass(codec: VideoCodec, options: dict[str, str], number: int, log: str) -> dict[str, str]:
    """Return the options of the first or second of two passes.

    Args:
        codec: the encoder.
        options: those of a single pass.
        number: 1 or 2.
        log: name of the file that the first writes and the second reads, in the folder where ffmpeg runs.
    """
    if codec is not VideoCodec.X265:
        return options | {"pass": str(number), "passlogfile": log}
    # ffmpeg does not hand -pass on to x265.
    given = options.get("x265-params", "")
    return options | {"x265-params": f"{given}:pass={number}:stats={log}".lstrip(":")}


_PARAMETERS = {
    VideoCodec.X264: "x264-params",
    VideoCodec.X265: "x265-params",
    VideoCodec.SVT_AV1: "svtav1-params",
}


def _plain_quality(options: dict[str, str], settings: VideoSettings, kbps: int | None) -> None:
    if settings.preset is not None:
        options["preset"] = settings.preset
    options |= {"crf": f"{settings.crf:g}"} if kbps is None else {"b:v": f"{kbps}k"}


def _vp9_quality(options: dict[str, str], settings: VideoSettings, kbps: int | None) -> None:
    # A bit rate of 0 switches libvpx from "at most this quality" to constant quality.
    options |= {"crf": f"{settings.crf:g}", "b:v": "0"} if kbps is None else {"b:v": f"{kbps}k"}
    if settings.preset is not None:
        options["deadline"] = settings.preset


def _nvenc_quality(options: dict[str, str], settings: VideoSettings, kbps: int | None) -> None:
    options["preset"] = settings.preset or "p5"
    # nvenc's constant quality is called cq, and counts only with variable bit rate and no bit rate.
    options |= {"rc": "vbr", "cq": f"{settings.crf:g}", "b:v": "0"} if kbps is None else {"b:v": f"{kbps}k"}


_QUALITY = {
    VideoCodec.X264: _plain_quality,
    VideoCodec.X265: _plain_quality,
    VideoCodec.SVT_AV1: _plain_quality,
    VideoCodec.VP9: _vp9_quality,
    VideoCodec.H264_NVENC: _nvenc_quality,
    VideoCodec.HEVC_NVENC: _nvenc_quality,
    VideoCodec.AV1_NVENC: _nvenc_quality,
}


def _describe_light(codec: VideoCodec, track: VideoTrack, parameters: dict[str, str]) -> None:
    display, level = track.mastering_display, track.light_level
    if display is not None:
        if codec is VideoCodec.X264:
            parameters["mastering-display"] = _display_in_units(display)
        elif codec is VideoCodec.X265:
            parameters["master-display"] = _display_in_units(display)
            parameters["hdr10"] = "1"
        elif codec is VideoCodec.SVT_AV1:
            parameters["mastering-display"] = _display_in_numbers(display)
    if level is not None:
        pair = f"{level.max_content},{level.max_frame_average}"
        if codec is VideoCodec.X264:
            parameters["cll"] = pair
        elif codec is VideoCodec.X265:
            parameters["max-cll"] = pair
        elif codec is VideoCodec.SVT_AV1:
            parameters["content-light"] = pair


def _display_in_units(display: MasteringDisplay) -> str:
    """x264 and x265 count chromaticity in 1/50000 and luminance in 1/10000 cd/m²."""

    def point(pair: tuple[str, str]) -> str:
        return ",".join(str(round(Fraction(value) * 50_000)) for value in pair)

    light = f"{round(Fraction(display.max_luminance) * 10_000)},{round(Fraction(display.min_luminance) * 10_000)}"
    return (
        f"G({point(display.green)})B({point(display.blue)})R({point(display.red)})WP({point(display.white)})L({light})"
    )


def _display_in_numbers(display: MasteringDisplay) -> str:
    def point(pair: tuple[str, str]) -> str:
        return ",".join(f"{float(Fraction(value)):.5f}" for value in pair)

    light = f"{float(Fraction(display.max_luminance)):.4f},{float(Fraction(display.min_luminance)):.4f}"
    return (
        f"G({point(display.green)})B({point(display.blue)})R({point(display.red)})WP({point(display.white)})L({light})"
    )
