"""What a container can hold of the source beside its films and sounds, and as what.

Whatever it cannot is left out by name, with the reason; nothing is dropped in silence.
https://www.matroska.org/technical/codec_specs.html, https://mp4ra.org/registered-types/codecs,
https://www.webmproject.org/docs/container/
"""

from __future__ import annotations

from encoding_contract.plan import Plan, SourceStream, StreamKind, VideoTrack
from encoding_contract.profile import Container, Profile
from encoding_contract.report import LeftOut
from encoding_worker.alpha import choose_settings, is_alpha_kept
from encoding_worker.colours import unsaid_colours
from encoding_worker.picture import is_field_order_kept, picture_size
from encoding_worker.pixels import choose_pixel_format, describe_pixels
from encoding_worker.views import frame_packing, is_mode_held

_TEXT = frozenset(
    {"subrip", "ass", "ssa", "webvtt", "mov_text", "text", "hdmv_text_subtitle", "eia_608", "jacosub", "microdvd"}
    | {"mpl2", "pjs", "realtext", "sami", "stl", "subviewer", "subviewer1", "vplayer", "ttml"}
)
_MKV_COPIES = frozenset({"subrip", "ass", "ssa", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"})
_PICTURES = frozenset({"mjpeg", "png"})
_MP4_PICTURES = _PICTURES | {"bmp"}


def subtitle_codec(stream: SourceStream, container: Container) -> str | None:
    """Return the encoder for a subtitle track (``copy`` where it fits as it is), or ``None`` where none will do."""
    if container is Container.MKV:
        if stream.codec in _MKV_COPIES:
            return "copy"
        return "subrip" if stream.codec in _TEXT else None
    if container is Container.MP4:
        if stream.codec in ("mov_text", "dvd_subtitle"):
            return "copy"
        return "mov_text" if stream.codec in _TEXT else None
    if stream.codec == "webvtt":
        return "copy"
    return "webvtt" if stream.codec in _TEXT else None


def is_held(stream: SourceStream, container: Container) -> bool:
    """Tell whether a stream beside films and sounds goes into the container."""
    if stream.kind is StreamKind.SUBTITLE:
        return subtitle_codec(stream, container) is not None
    if stream.kind is StreamKind.ATTACHMENT:
        return container is Container.MKV
    if stream.kind is StreamKind.COVER:
        pictures = {Container.MKV: _PICTURES, Container.MP4: _MP4_PICTURES, Container.WEBM: frozenset[str]()}
        return stream.codec in pictures[container]
    return False


def list_left_out(plan: Plan, profile: Profile) -> list[LeftOut]:
    """Return what of the source the output does not hold, each with its reason."""
    container = profile.container
    left_out = [
        LeftOut(what=f"{stream.kind.value} stream {stream.index} ({_name(stream)})", reason=_reason(stream, container))
        for stream in plan.streams
        if stream.kind not in (StreamKind.VIDEO, StreamKind.AUDIO) and not is_held(stream, container)
    ]
    encoded = {track.stream for track in plan.tracks}
    left_out += [
        LeftOut(what=f"video stream {stream.index} ({_name(stream)})", reason="its header states no picture size")
        for stream in plan.streams_of(StreamKind.VIDEO)
        if stream.index not in encoded
    ]
    for track in plan.tracks:
        left_out += _of_track(track, profile)
    return left_out


def _of_track(track: VideoTrack, profile: Profile) -> list[LeftOut]:
    settings, container = choose_settings(profile, track), profile.container
    where = f"of video stream {track.stream}"
    lost: list[LeftOut] = []
    codec = settings.codec.value
    if track.has_alpha and not is_alpha_kept(profile, track):
        lost.append(
            LeftOut(what=f"alpha {where}", reason=f"{codec} in {container.value} has none; libvpx-vp9 in mkv has")
        )
    if not is_field_order_kept(settings, track):
        lost.append(
            LeftOut(what=f"field order {where}", reason=f"{codec} cannot mark interlaced pictures; libx264 can")
        )
    kept_format = choose_pixel_format(settings, track, *picture_size(settings, track))
    (chroma, bits), (kept_chroma, kept_bits) = describe_pixels(track.pixel_format), describe_pixels(kept_format)
    if kept_chroma < chroma:
        lost.append(LeftOut(what=f"chroma resolution {where}", reason=f"{codec} keeps {kept_chroma} of {chroma}"))
    if kept_bits < bits:
        lost.append(LeftOut(what=f"bit depth {where}", reason=f"{codec} keeps {kept_bits} bits of {bits}"))
    names = {"color_primaries": "colour primaries", "colorspace": "colour matrix"}
    for kind, code in unsaid_colours(settings.codec, track).items():
        lost.append(LeftOut(what=f"{names[kind]} {code} {where}", reason=f"{codec} has no word for this of H.273"))
    packing = frame_packing(track.stereo_mode, settings.codec, container)
    if track.stereo_mode and packing is None and not is_mode_held(track.stereo_mode, container):
        reason = f"{codec} in {container.value} cannot say how the two views lie; in mkv it can"
        lost.append(LeftOut(what=f"stereo mode {where} ({track.stereo_mode})", reason=reason))
    if track.is_spherical and container is Container.MP4:
        lost.append(LeftOut(what=f"projection {where} (a view all round)", reason="mp4 is written without; mkv has it"))
    if track.has_dolby_vision:
        lost.append(LeftOut(what=f"Dolby Vision {where}", reason=f"{codec} is not told of it; the base layer is whole"))
    return lost


def _name(stream: SourceStream) -> str:
    tag = stream.codec_tag if stream.codec_tag.isprintable() and stream.codec_tag.isascii() else ""
    name = tag if stream.codec == "unknown" else stream.codec
    return name or stream.filename or "unknown codec"


def _reason(stream: SourceStream, container: Container) -> str:
    if stream.kind is StreamKind.SUBTITLE:
        return f"{container.value} cannot hold {stream.codec}, and it cannot be converted to text"
    if stream.kind is StreamKind.DATA:
        return f"{container.value} cannot hold data streams"
    return f"{container.value} cannot hold {stream.kind.value}s of this kind ({_name(stream)})"
