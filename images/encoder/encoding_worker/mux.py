"""The last command: joined films, encoded sounds, and everything else of the source, into the output's container."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from encoding_contract.errors import ProofFailed
from encoding_contract.plan import Plan, SourceStream, StreamKind
from encoding_contract.profile import Container
from encoding_worker.clock import clock_options
from encoding_worker.demuxing import input_options, open_media
from encoding_worker.ffmpeg import run_ffmpeg
from encoding_worker.gateway import SourceDoor
from encoding_worker.holding import is_held, subtitle_codec
from encoding_worker.join import Joiner
from encoding_worker.picture import display_aspect
from encoding_worker.tags import write_tags
from encoding_worker.task import Task
from encoding_worker.timeline import LEAD_S, seconds_text, shift_to_middle

_FORMATS = {Container.MKV: "matroska", Container.MP4: "mp4", Container.WEBM: "webm"}

_DECODE_FROM_START = "setts=pts=PTS:dts=if(eq(N\\,0)\\,PTS\\,max(DTS\\,PREV_OUTDTS+1))"
"""Decodes what is shown later between the first two frames, instead of before the first one.

Nut keeps no decoding times; ffmpeg makes them up from an average frame rate, and where that is not the rate at the
beginning, the MP4 muxer's edit list moves the whole film against its sound.
"""


@dataclass(frozen=True)
class Sides:
    """What goes in beside the films: files on the middle clock."""

    audio: list[tuple[SourceStream, Path]]
    subtitles: Path | None
    """All subtitle tracks that the container holds, in the source's order."""


def held_subtitles(plan: Plan, container: Container) -> list[SourceStream]:
    """Return the subtitle tracks that the container holds, in the source's order."""
    return [stream for stream in plan.streams_of(StreamKind.SUBTITLE) if is_held(stream, container)]


def extract_subtitles(task: Task, plan: Plan, url: str, container: Container) -> Path | None:
    """Copy or convert the subtitle tracks into a small file of their own.

    A muxer waits for the next packet of every track: with subtitles read from the source itself, it would keep all
    frames between two lines of text in memory.
    """
    held = held_subtitles(plan, container)
    if not held:
        return None
    path = task.scratch / "subtitles.mkv"
    # -fix_sub_duration would change times; -copyts keeps them.
    source = ffmpeg.input(url, **input_options(url), **clock_options(held), copyts=None)
    options: dict[str, str] = {}
    for position, stream in enumerate(held):
        codec = subtitle_codec(stream, container)
        # On the way everything is Matroska, which knows no mov_text.
        is_text = codec != "copy" or stream.codec == "mov_text"
        options[f"c:{position}"] = ("subrip" if codec != "webvtt" else "webvtt") if is_text else "copy"
    output = ffmpeg.output(
        *[source[str(stream.index)] for stream in held],
        str(path),
        format="matroska",
        output_ts_offset=seconds_text(shift_to_middle(plan)),
        max_interleave_delta="0",
        **options,
    )
    run_ffmpeg(output.overwrite_output().get_args(), f"job {task.job.id} subtitles")
    return path


def mux_film(task: Task, plan: Plan, joiner: Joiner, sides: Sides, door: SourceDoor, output: Path) -> str:
    """Write the film; return the command that did.

    Raises:
        EncoderFault: ffmpeg failed.
        ProofFailed: a chunk does not fit.
    """
    container = task.job.profile.container
    # The joined film lies behind the middle clock by less than a tick.
    film_options: dict[str, str | None] = {"copyts": None, "itsoffset": seconds_text(-joiner.shift_error())}
    for position, track in enumerate(plan.tracks):
        if track.rotation_deg or track.is_mirrored:
            film_options[f"display_rotation:v:{position}"] = str(-track.rotation_deg)
        if track.is_mirrored:
            film_options[f"display_hflip:v:{position}"] = None
    film = ffmpeg.input("pipe:0", format=joiner.format, **film_options)
    sounds = {stream.index: ffmpeg.input(f"file:{path}", copyts=None) for stream, path in sides.audio}
    subtitles = ffmpeg.input(f"file:{sides.subtitles}", copyts=None) if sides.subtitles else None
    source = ffmpeg.input(door.url, **input_options(door.url), copyts=None)
    films = {track.stream: position for position, track in enumerate(plan.tracks)}
    chosen: list[Any] = []
    streams: list[SourceStream] = []
    options: dict[str, str] = {}
    for stream in plan.streams:
        place = len(chosen)
        if stream.index in films:
            chosen.append(film[f"v:{films[stream.index]}"])
            if container is Container.MP4 and not joiner.is_steady(films[stream.index]):
                options[f"bsf:{place}"] = _DECODE_FROM_START
            track = plan.tracks[films[stream.index]]
            if track.sample_aspect_ratio != "1/1":
                # VP9 and AV1 say nothing of it in their frames, so the container must.
                options[f"aspect:{place}"] = str(display_aspect(track)).replace("/", ":")
        elif stream.index in sounds:
            chosen.append(sounds[stream.index]["a:0"])
        elif stream.kind is StreamKind.SUBTITLE and is_held(stream, container):
            assert subtitles is not None
            chosen.append(subtitles[f"s:{sum(kept.kind is StreamKind.SUBTITLE for kept in streams)}"])
            is_converted = container is Container.MP4 and stream.codec != "dvd_subtitle"
            options[f"c:{place}"] = "mov_text" if is_converted else "copy"
        elif stream.kind is StreamKind.COVER and container is Container.MKV:
            continue  # Matroska keeps pictures as attachments, and ffmpeg would write a film of one frame
        elif is_held(stream, container):
            chosen.append(source[str(stream.index)])
        else:
            continue
        streams.append(stream)
        options.setdefault(f"c:{place}", "copy")
        options[f"disposition:{place}"] = "+".join(stream.dispositions) or "0"
        options[f"map_metadata:s:{place}"] = f"{_TAGS}:s:{place}"
    if container is Container.MP4:
        options["movflags"] = "+faststart"
    written = ffmpeg.output(
        *chosen,
        str(output),
        format=_FORMATS[container],
        map_metadata=_TAGS,
        map_chapters=_TAGS,
        output_ts_offset=str(-LEAD_S),
        # Wait for every track, however sparse: the default lets go after 10 s, and a player then reads back and forth.
        max_interleave_delta="0",
        **options,
    )
    with open_media(door.open(), task.job.source.address.url) as media:
        tags = write_tags(task.scratch / "tags.txt", plan, streams, media, task.job.profile)
    arguments = _add_input(list(written.overwrite_output().get_args()), tags)
    if container is Container.MKV:
        arguments = _attach_covers(arguments, task, plan, door, len(chosen))
    run = run_ffmpeg(arguments, f"job {task.job.id} mux", feed=joiner.feed)
    return run.command


_TAGS = "@tags"
_PICTURE_TYPES = {"mjpeg": ("image/jpeg", "jpg"), "png": ("image/png", "png")}


def _attach_covers(arguments: list[str], task: Task, plan: Plan, door: SourceDoor, streams: int) -> list[str]:
    """Add covers as attachments, behind the streams that are mapped."""
    attaching: list[str] = []
    covers = [stream for stream in plan.streams_of(StreamKind.COVER) if is_held(stream, Container.MKV)]
    for number, cover in enumerate(covers):
        mimetype, ending = _PICTURE_TYPES[cover.codec]
        path = task.scratch / f"cover-{number}.{ending}"
        with open_media(door.open(), task.job.source.address.url) as media:
            picture = next((packet for packet in media.demux(media.streams[cover.index]) if packet.size), None)
            if picture is None:
                raise ProofFailed(f"job {task.job.id}: cover stream {cover.index} of the source holds no picture")
            path.write_bytes(bytes(picture))
        name = cover.filename or f"cover{number or ''}.{ending}"
        place = streams + number
        attaching += ["-attach", f"file:{path}"]
        attaching += [f"-metadata:s:{place}", f"mimetype={mimetype}", f"-metadata:s:{place}", f"filename={name}"]
    at = len(arguments) - 2  # before the output's name and -y
    return [*arguments[:at], *attaching, *arguments[at:]]


def _add_input(arguments: list[str], tags: Path) -> list[str]:
    """Add the file of tags as the last input; ffmpeg-python lists only inputs of which a stream is taken."""
    places = [at for at, word in enumerate(arguments) if word == "-i"]
    number = str(len(places))
    end = places[-1] + 2
    return [
        *arguments[:end],
        *("-f", "ffmetadata", "-i", f"file:{tags}"),
        *(number + word.removeprefix(_TAGS) if word.startswith(_TAGS) else word for word in arguments[end:]),
    ]
