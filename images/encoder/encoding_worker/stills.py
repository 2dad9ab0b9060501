"""Frames of a finished film as pictures: a contact sheet of frames at even distances, and a thumbnail.

Only the frames around each place are decoded, never the film; and not for longer than a minute.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from encoding_contract.errors import ProofFailed
from encoding_contract.plan import StreamKind, VideoTrack
from encoding_worker.colours import FOREIGN_MATRICES
from encoding_worker.demuxing import open_media
from encoding_worker.ffmpeg import run_ffmpeg
from encoding_worker.picture import display_aspect
from encoding_worker.probe import describe_streams

THUMBNAIL_WIDTH = 320
_COLUMNS, _ROWS = 5, 4
_TILE_WIDTH = 256
_MOST_DECODED = 64
"""Frames after a keyframe that are decoded to come nearer to a place."""
_LIMIT_S = 60
_HIGHEST = 4 * THUMBNAIL_WIDTH
_PQ, _HLG = 16, 18
"""ITU-T H.273 transfer characteristics of HDR."""
_BT2020, _BT2020_CONSTANT = 9, 10
"""Its matrices of BT.2020; the second has constant luminance."""


@dataclass(frozen=True)
class Stills:
    """The two pictures, as JPEG files."""

    contact_sheet: Path
    thumbnail: Path


def take_stills(film: Path, track: VideoTrack, frames: int, folder: Path, what: str) -> Stills:
    """Make the pictures of a film's first video track.

    Pixels that are not square are shown in their true shape, and a film that a player turns is turned. HDR is brought
    down to what a screen shows by a general curve (Hable's), not by the film's own grading.

    Args:
        film: the finished film.
        track: the source's first video track.
        frames: how many the film has.
        folder: where the files go.
        what: what is being done, for messages.

    Raises:
        MapreelError, av.error.FFmpegError, OSError: there will be no pictures.
    """
    stills = Stills(folder / "contact.jpg", folder / "thumb.jpg")
    width, height = _stored_size(track)
    number = min(_COLUMNS * _ROWS, frames)
    is_deep = track.colour.transfer in (_PQ, _HLG)
    pixel_format = "yuv444p10le" if is_deep else "yuv444p"
    # A short film is decoded once from its beginning: between its few keyframes there would be too many places.
    is_short = frames <= number * _MOST_DECODED
    pictures = _decode_places(film, number, is_short, width, height, pixel_format, what)
    if not pictures:
        raise ProofFailed(f"{what}: no frame of the finished film decodes")

    def feed(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        for picture in pictures:
            process.stdin.write(picture)

    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    # JPEG knows one matrix only, and full range.
    jpeg = "scale=out_color_matrix=smpte170m:out_range=full,format=yuvj420p"
    graph = (
        f"[0:v]{_colours(track)},{_turn(track)}setsar=1,split[a][b];"
        f"[a]scale={_TILE_WIDTH}:-2:flags=area,tile={columns}x{rows}:padding=4:margin=4:color=0x181818,{jpeg}[sheet];"
        # The frame whose colours are nearest to those of all: seldom a black one.
        f"[b]thumbnail=n={max(2, len(pictures))},{jpeg}[thumb]"
    )
    arguments = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-video_size", f"{width}x{height}", "-framerate", "1"]
    arguments += ["-i", "pipe:0", "-filter_complex", graph]
    for label, path, quality in (("sheet", stills.contact_sheet, "5"), ("thumb", stills.thumbnail, "4")):
        arguments += ["-map", f"[{label}]", "-frames:v", "1", "-q:v", quality, "-update", "1", "-y", f"file:{path}"]
    run_ffmpeg(arguments, f"{what} pictures", feed=feed)
    return stills


def _stored_size(track: VideoTrack) -> tuple[int, int]:
    """Return the size to which stored pictures are brought, so that the shown ones are as wide as a thumbnail."""
    aspect = display_aspect(track)
    if track.rotation_deg % 180:
        return _even(THUMBNAIL_WIDTH * aspect), THUMBNAIL_WIDTH
    return THUMBNAIL_WIDTH, _even(THUMBNAIL_WIDTH / aspect)


def _even(length: Fraction) -> int:
    return min(_HIGHEST, max(16, round(length / 2) * 2))


def _decode_places(
    film: Path, number: int, is_short: bool, width: int, height: int, pixel_format: str, what: str
) -> list[bytes]:
    """Return frames at even distances, scaled, as raw pictures."""
    pictures: list[bytes] = []
    until = time.monotonic() + _LIMIT_S
    with open_media(f"file:{film}", what) as container:
        # Not a cover, which is a video stream as well.
        kinds = zip(container.streams, describe_streams(container), strict=True)
        stream = next(stream for stream, said in kinds if said.kind is StreamKind.VIDEO)
        assert isinstance(stream, VideoStream)
        base = Fraction(stream.time_base or 1)
        start = stream.start_time or 0
        length = Fraction(container.duration or 0, 1_000_000) / base
        frames = container.decode(stream)
        for at in range(number):
            if time.monotonic() > until:
                break
            wanted = start + int(length * (2 * at + 1) / (2 * number))
            if not is_short:
                container.seek(wanted, stream=stream, backward=True)
                frames = container.decode(stream)
            if (frame := _decode_up_to(frames, wanted)) is not None:
                if int(frame.colorspace) in FOREIGN_MATRICES:
                    frame.colorspace = 1  # only scaled here; what its planes mean is said below
                pictures.append(_raw(frame.reformat(width, height, pixel_format, interpolation="AREA")))
    return pictures


def _decode_up_to(frames: Iterator[VideoFrame], wanted: int) -> VideoFrame | None:
    """Return the first frame at or after a time, or one that is a little earlier."""
    found: VideoFrame | None = None
    for decoded, frame in enumerate(frames):
        found = frame
        if decoded >= _MOST_DECODED or (frame.pts is not None and frame.pts >= wanted):
            break
    return found


def _raw(picture: VideoFrame) -> bytes:
    """Return the planes without the bytes that pad their lines."""
    width = picture.width * (2 if picture.format.name.endswith("le") else 1)
    lines = []
    for plane in picture.planes:
        view, step = memoryview(plane), plane.line_size
        lines += [view[at : at + width] for at in range(0, step * picture.height, step)]
    return b"".join(lines)


def _colours(track: VideoTrack) -> str:
    """Return the filters that say what the raw pictures' colours are, and bring HDR down."""
    colour = track.colour
    # Without a word, players take a large picture for BT.709 (1), and a small one for SMPTE 170M (6).
    matrix = colour.matrix if colour.matrix not in (None, 0, 2) else 1 if track.height >= 720 else 6
    if matrix == _BT2020_CONSTANT:
        matrix = _BT2020  # which no filter converts from, and for a small picture this is near enough
    described = f"setparams=range={'pc' if colour.is_full_range else 'tv'}:colorspace={matrix}"
    if colour.transfer not in (_PQ, _HLG):
        return f"{described},zscale=m=bt709" if matrix in FOREIGN_MATRICES else described
    # 203 cd/m² is the white of a page (ITU-R BT.2408).
    return (
        f"{described}:color_primaries={colour.primaries or 9}:color_trc={colour.transfer},"
        "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
        "zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
    )


def _turn(track: VideoTrack) -> str:
    turn = {90: "transpose=clock,", 180: "hflip,vflip,", 270: "transpose=cclock,"}.get(track.rotation_deg, "")
    return turn + ("hflip," if track.is_mirrored else "")
