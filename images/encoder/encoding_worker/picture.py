"""What happens to a picture between decoder and encoder: its size, its aspect, its colour description."""

from __future__ import annotations

from fractions import Fraction

from encoding_contract.plan import VideoTrack
from encoding_contract.profile import VideoCodec, VideoSettings
from encoding_worker.colours import FOREIGN_MATRICES, RGB, unsaid_colours
from encoding_worker.pixels import choose_pixel_format

Filters = list[tuple[str, dict[str, str]]]


def picture_size(settings: VideoSettings, track: VideoTrack) -> tuple[int, int]:
    """Return width and height of the encoded picture, in pixels, as stored (before any rotation).

    ``max_height`` means the shorter side, so that a film taken upright is not made smaller than one lying down.
    """
    shorter = min(track.width, track.height)
    if settings.max_height is None or shorter <= settings.max_height:
        return track.width, track.height
    ratio = Fraction(settings.max_height, shorter)
    return _even(track.width * ratio), _even(track.height * ratio)


def write_filters(filters: Filters) -> str:
    """Write a chain of filters as ffmpeg takes it; ``null`` where there is none."""
    chain = (f"{name}=" + ":".join(f"{key}={value}" for key, value in options.items()) for name, options in filters)
    return ",".join(chain) or "null"


def display_aspect(track: VideoTrack) -> Fraction:
    """Return the shape in which a picture is shown, before any rotation: width over height."""
    return Fraction(track.width, track.height) * Fraction(track.sample_aspect_ratio)


def _even(length: Fraction) -> int:
    return max(2, round(length / 2) * 2)


def picture_filters(settings: VideoSettings, track: VideoTrack) -> Filters:
    """Return the filters in order, with their options."""
    width, height = picture_size(settings, track)
    colour = track.colour
    # No setparams where there is no need: frames carry the source's colour description already.
    pixel_format = choose_pixel_format(settings, track, width, height)
    # Always there, and idle as long as nothing changes: a broadcast may change its picture's size in the middle.
    scaling = {"w": str(width), "h": str(height), "flags": "lanczos+accurate_rnd+full_chroma_int"}
    if track.field_order != "progressive":
        scaling["interl"] = "1"  # each field by itself, else their lines are mixed
    is_rgb = track.pixel_format.startswith(RGB)
    if is_rgb and not pixel_format.startswith(RGB):
        # Named, because a player that is told nothing goes by the picture's size, and ffmpeg's converter does not.
        scaling["out_color_matrix"] = "bt709" if height >= 720 else "smpte170m"
    if colour.is_full_range:
        scaling |= {"out_range": "full"} if is_rgb else {"in_range": "full", "out_range": "full"}
    # Containers and streams may disagree on the aspect; the plan's is the one that a player shows. Behind the scaling,
    # which makes one of its own for each size that comes in, and chunks of different aspects do not join.
    aspect = display_aspect(track) / Fraction(width, height)
    filters: Filters = [
        ("scale", scaling),
        ("setsar", {"sar": f"{aspect.numerator}/{aspect.denominator}", "max": "100000"}),
        ("format", {"pix_fmts": pixel_format}),
    ]
    if track.stereo_mode:
        # Whoever is to tell it is told in so many words; x264 hears of it by frames, and tells what another tells, too.
        filters = [("sidedata", {"mode": "delete", "type": "STEREO3D"}), *filters]
    described = dict.fromkeys(unsaid_colours(settings.codec, track), "unknown")
    if colour.matrix in FOREIGN_MATRICES and not is_rgb:
        # Luma and chroma are scaled each by itself, whatever they mean.
        filters = [("setparams", {"colorspace": "bt709"}), *filters]
        described = {"colorspace": str(colour.matrix), **described}
    return [*filters, ("setparams", described)] if described else filters


def is_field_order_kept(settings: VideoSettings, track: VideoTrack) -> bool:
    """Tell whether the encoder can say that a picture is made of two fields."""
    return track.field_order == "progressive" or settings.codec is VideoCodec.X264
