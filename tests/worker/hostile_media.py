"""Small media that asks for much, or for what is not its own: made of bytes, or by the wheel's ffmpeg."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av

from tests.worker.films import run_ffmpeg

UNITY = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of ISO/IEC 14496-12."""
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full_box(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    """A box with version 0 and flags."""
    return box(kind, struct.pack(">I", flags), *parts)


def track(
    *,
    width: int = 160,
    height: int = 96,
    codec: bytes = b"raw ",
    samples: int = 1,
    times: Sequence[tuple[int, int]] | None = None,
    edits: Sequence[tuple[int, int]] = (),
    reference: bytes = b"",
) -> bytes:
    """A video track whose samples, of one byte each, lie in one chunk at the file's 40th byte.

    Args:
        width, height: of the picture.
        codec: the sample entry's kind.
        samples: how many there are.
        times: runs of samples and their duration, in 1/25 s.
        edits: the edit list: duration and start of each.
        reference: the entry of the data reference box; left out, the data is in the file.
    """
    corner = struct.pack(">II", width << 16 & 0xFFFFFFFF, height << 16 & 0xFFFFFFFF)
    head = full_box(b"tkhd", struct.pack(">5I", 0, 0, 1, 0, 10), bytes(16), UNITY, corner, flags=3)
    size = struct.pack(">HHII", width, height, 72 << 16, 72 << 16)
    frame = size + bytes(4) + struct.pack(">H", 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    entry = box(codec, bytes(6), struct.pack(">H", 1), bytes(16), frame)
    runs = times or [(samples, 1)]
    table = box(
        b"stbl",
        full_box(b"stsd", struct.pack(">I", 1), entry),
        full_box(b"stts", struct.pack(">I", len(runs)), *(struct.pack(">II", *run) for run in runs)),
        full_box(b"stsc", struct.pack(">4I", 1, 1, samples, 1)),
        full_box(b"stsz", struct.pack(">II", 1, samples)),
        full_box(b"stco", struct.pack(">II", 1, 40)),
    )
    data = full_box(b"dref", struct.pack(">I", 1), reference or full_box(b"url ", flags=1))
    media = box(
        b"mdia",
        full_box(b"mdhd", struct.pack(">4I", 0, 0, 25, 10), b"\x55\xc4\0\0"),
        full_box(b"hdlr", bytes(4), b"vide", bytes(12), b"v\0"),
        box(b"minf", full_box(b"vmhd", bytes(8), flags=1), box(b"dinf", data), table),
    )
    entries = [struct.pack(">IiI", length, start, 65536) for length, start in edits]
    listed = box(b"edts", full_box(b"elst", struct.pack(">I", len(edits)), *entries)) if edits else b""
    return box(b"trak", head, listed, media)


def write_mov(path: Path, *tracks: bytes) -> None:
    """Write a QuickTime file of these tracks, with 1,000 bytes of data."""
    clock = struct.pack(">IIIIIH", 0, 0, 25, 10, 65536, 256) + bytes(10)
    head = full_box(b"mvhd", clock, UNITY, bytes(24), struct.pack(">I", 2))
    path.write_bytes(box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + box(b"mdat", bytes(1000)) + box(b"moov", head, *tracks))


def alias(target: str) -> bytes:
    """A data reference (``alis``) by a path, as QuickTime writes it: record type 2 holds the POSIX path."""
    name = Path(target).name.encode()[:63]
    fixed = bytes(6) + struct.pack(">HHH", 150, 2, 0) + bytes(1 + 27) + bytes(12)
    fixed += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 0, 0) + bytes(16)
    path = target.encode()
    return full_box(b"alis", fixed, struct.pack(">HH", 2, len(path)), path.ljust(len(path) + len(path) % 2, b"\0"))


def retime(film: Path, path: Path, kind: str, times: Callable[[int], int], base: Fraction) -> None:
    """Copy a film into NUT, the packets of one kind at other times.

    Args:
        film: has one video and one audio track, and no reordered frames.
        path: where to.
        kind: ``video`` or ``audio``.
        times: from the packet's number to its time, in ticks of ``base``.
        base: the time base.
    """
    with av.open(str(film)) as source, av.open(str(path), "w", format="nut") as output:
        copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        changed = next(stream for stream in source.streams if stream.type == kind)
        copies[changed.index].time_base = base
        number = 0
        for packet in source.demux():
            if not packet.size:
                continue
            if packet.stream is changed:
                packet.pts = packet.dts = times(number)
                packet.time_base, packet.duration = base, 1
                number += 1
            packet.stream = copies[packet.stream.index]
            output.mux(packet)


def add_chapters(film: Path, path: Path, count: int) -> None:
    """Copy a film, with so many chapters."""
    listed = path.with_suffix(".txt")
    lines = [f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n}\nEND={n + 1}\ntitle={n}\n" for n in range(count)]
    listed.write_text(";FFMETADATA1\n" + "".join(lines))
    run_ffmpeg("-i", f"file:{film}", "-f", "ffmetadata", "-i", f"file:{listed}", "-map_chapters", "1", "-c", "copy",
               "-f", "matroska", f"file:{path}")  # fmt: skip


def add_attachments(film: Path, path: Path, count: int, size_bytes: int) -> None:
    """Copy a film, with so many attachments of this size."""
    blob = path.with_suffix(".bin")
    blob.write_bytes(bytes(size_bytes))
    attached: list[str] = []
    for number in range(count):
        attached += ["-attach", f"file:{blob}", f"-metadata:s:t:{number}", "mimetype=application/x-font"]
    run_ffmpeg("-i", f"file:{film}", "-c", "copy", *attached, "-f", "matroska", f"file:{path}")
