"""One chunk's frames through one encoder, counted on both sides of it.

One decode feeds two outputs: the encoder, and the list of the frames that went in (PTS and checksum). The encoder
sees frames numbered from 0; their real times are given back by ``merge``, from that list.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import ffmpeg

from encoding_contract.errors import DamagedSource, ProofFailed, ResultMissing
from encoding_contract.job import Content
from encoding_contract.manifest import ChunkManifest, StoredObject, Timing
from encoding_contract.plan import (
    STANDING_FRAMES,
    Chunk,
    ClockJump,
    CutMethod,
    Plan,
    digest_pts,
    frame_step,
    mend_timestamps,
    spread_timestamps,
)
from encoding_contract.profile import DamagePolicy, VideoCodec
from encoding_worker import settings as environment
from encoding_worker.alpha import choose_settings
from encoding_worker.budget import chunk_kbps
from encoding_worker.clock import film_options
from encoding_worker.damage import find_damage
from encoding_worker.demuxing import input_options, open_media
from encoding_worker.encoder import check_encoder, encoder_options, with_pass
from encoding_worker.ffmpeg import run_ffmpeg
from encoding_worker.framelist import Frame, format_frames, parse_framecrc
from encoding_worker.gateway import open_source
from encoding_worker.picture import Filters, picture_filters, picture_size, write_filters
from encoding_worker.pieces import PIECE_CLOCK
from encoding_worker.pixels import choose_pixel_format
from encoding_worker.quality import Sampling, Shown, choose_windows
from encoding_worker.task import Task, program_version
from encoding_worker.views import frame_packing, without_packing

logger = logging.getLogger(__name__)

_TWO_PASS = frozenset({VideoCodec.X264, VideoCodec.X265, VideoCodec.VP9})


@dataclass
class _Input:
    """What a chunk is decoded from."""

    url: str
    media: str | io.RawIOBase
    """The same for a reader in this process."""
    stream: str
    offset: int
    unit: Fraction | None
    is_piece: bool


class ChunkEncoding:
    """One chunk on its way."""

    def __init__(self, task: Task, plan: Plan, chunk: Chunk, inputs: str) -> None:
        self.task = task
        self.plan = plan
        self.chunk = chunk
        self.inputs = inputs
        self.track = plan.tracks[chunk.track]
        self.settings = choose_settings(task.job.profile, self.track)
        self.time_base = Fraction(self.track.time_base)
        self.what = f"job {task.job.id} chunk {chunk.index} (frames {chunk.first_frame} to {chunk.end_frame - 1})"
        self.video = task.scratch / f"chunk-{chunk.index:06d}.mkv"
        self.listing = task.scratch / f"chunk-{chunk.index:06d}.framecrc"
        self.size = picture_size(self.settings, self.track)
        self.pixel_format = choose_pixel_format(self.settings, self.track, *self.size)
        windows = choose_windows(chunk, *self.size, self.pixel_format)
        self.packing = frame_packing(self.track.stereo_mode, self.settings.codec, task.job.profile.container)
        reading = {} if self.packing is None else without_packing()
        self.sampling = (
            Sampling(windows, self.pixel_format, self.track, task.scratch, self.what, reading) if windows else None
        )

    def make(self) -> ChunkManifest:
        """Encode the chunk, upload its film and its list of frames, and return the manifest that vouches for both."""
        check_encoder(self.settings, *self.size)
        piece = self._fetch_piece()
        if piece is not None:
            return self._encode(
                _Input(f"file:{piece}", f"file:{piece}", "0", self.chunk.piece_offset, self.time_base, is_piece=True)
            )
        with open_source(self.task.store, self.task.job.source) as door:
            try:
                manifest = self._encode(_Input(door.url, door.open(), str(self.track.stream), 0, None, is_piece=False))
            except Exception:
                door.check()
                raise
        return manifest

    def _fetch_piece(self) -> Path | None:
        if self.chunk.piece is None:
            return None
        path = self.task.scratch / f"piece-{self.chunk.index:06d}.mkv"
        address = self.task.address(self.task.objects.piece(self.chunk.piece))
        # Half a piece, or another one's, would look like damage of the source.
        expected = Content(size_bytes=self.chunk.piece_bytes, crc32c=self.chunk.piece_crc32c)
        try:
            self.task.store.download(address, path, expected)
        except ResultMissing as error:
            # Deleted work objects cost work, never correctness: the source itself has the same frames.
            logger.warning("%s: %s; decoding from the source itself, which takes longer", self.what, error)
            path.unlink(missing_ok=True)
            return None
        return path

    def _encode(self, source: _Input) -> ChunkManifest:
        timings: list[Timing] = []
        commands: list[str] = []
        kbps = chunk_kbps(self.settings, self.plan, self.chunk)
        passes = (1, 2) if kbps is not None and self.settings.codec in _TWO_PASS else (0,)
        messages: list[str] = []
        for number in passes:
            run = run_ffmpeg(
                self._arguments(source, number, kbps), self.what, frames=self.chunk.frames, cwd=self.task.scratch
            )
            timings.append(run.timing)
            commands.append(run.command)
            messages = run.messages
        logger.info("%s: %s", self.what, commands[-1])
        frames = parse_framecrc(self.listing.read_text(), self.time_base, source.offset, source.unit)
        mine, damage = self._check_frames(frames, source, messages)
        shown, reordered = self._look_at_packets(len(mine))
        listed = self.task.store.write(
            self.task.address(self.task.objects.chunk_frames(self.chunk.index)), format_frames(frames), "text/plain"
        )
        video_name = self.task.objects.chunk_video(self.chunk.index)
        video = self.task.store.upload(self.video, self.task.address(video_name), content_type="video/x-matroska")
        timing = Timing(
            wall_s=round(sum(timing.wall_s for timing in timings), 3),
            cpu_s=round(sum(timing.cpu_s for timing in timings), 3),
        )
        quality, note = None, ""
        if self.sampling is not None:
            times = [frame.pts for frame in mine if frame.pts is not None]
            quality, note = self.sampling.measure(self.video, shown, times, timing.cpu_s)
        self.video.unlink()
        logger.info("%s: %d frames, %.1f s, %d bytes", self.what, len(mine), timing.wall_s, video.size_bytes)
        return ChunkManifest(
            job_id=self.task.job.id,
            chunk=self.chunk.index,
            inputs=self.inputs,
            video=StoredObject(name=video_name, content=video),
            frame_list=StoredObject(name=self.task.objects.chunk_frames(self.chunk.index), content=listed),
            frames=len(mine),
            reordered=reordered,
            pts_digest=digest_pts(frame.pts for frame in mine if frame.pts is not None),
            encoder=program_version(),
            commands=tuple(commands),
            timing=timing,
            damage=tuple(damage),
            quality=quality,
            notes=(note,) if note else (),
        )

    def _arguments(self, source: _Input, number: int, kbps: int | None) -> list[str]:
        settings = self.settings
        threads = environment.threads()
        reading: dict[str, str | int | None] = {**input_options(source.url), "copyts": None, "noautorotate": None}
        reading |= film_options(self.track, int(source.stream), self._jumps(source))
        reading["threads"] = threads
        # A new chain of filters at each change of size would count frames from 0 again: scale copes by itself.
        reading["reinit_filter"] = "0"
        if self.track.has_alpha and settings.codec is VideoCodec.VP9:
            # ffmpeg's own decoders of VP8 and VP9 pass over alpha.
            decoder = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(self.plan.streams[self.track.stream].codec)
            reading |= {"c:v": decoder} if decoder else {}
        frames = ffmpeg.input(source.url, **reading)[source.stream]
        trim: Filters = [("trim", self._bounds(source))]
        # Two outputs of one decoder, each with a chain of its own: behind a split, ffmpeg 9 forgets mastering display
        # and light level. A piece is listed whole, so that neighbours can be compared where they overlap.
        listing = ffmpeg.output(
            frames,
            str(self.listing),
            format="framecrc",
            fps_mode="passthrough",
            enc_time_base="filter",
            vf=PIECE_CLOCK if source.is_piece else write_filters(trim),
        )
        rate = Fraction(self.track.frame_rate)
        # strip_fps: a piece's clock is no real one, and an encoder must take its frame rate from the time base instead.
        tick = f"{rate.denominator}/{rate.numerator}"
        numbered: Filters = [("settb", {"tb": tick}), ("setpts", {"expr": "N", "strip_fps": "1"})]
        clock = f"{PIECE_CLOCK}," if source.is_piece else ""
        pictures = picture_filters(settings, self.track)
        options = encoder_options(settings, self.track, self.pixel_format, threads, kbps, self.packing)
        if number:
            options = with_pass(settings.codec, options, number, f"pass-{self.chunk.index}")
        output = ffmpeg.output(
            frames,
            "-" if number == 1 else str(self.video),
            format="null" if number == 1 else "matroska",
            fps_mode="passthrough",
            enc_time_base=tick,
            vf=clock + write_filters([*trim, *pictures, *numbered]),
            **options,
        )
        outputs = [listing, output]
        if self.sampling is not None and number != 1:
            kept: Filters = [("select", {"expr": f"'{self.sampling.expression}'"})]
            outputs.append(
                ffmpeg.output(
                    frames,
                    str(self.sampling.path),
                    format="nut",
                    fps_mode="passthrough",
                    enc_time_base=tick,
                    vf=clock + write_filters([*trim, *kept, *pictures, *numbered]),
                    **{"c:v": "rawvideo"},
                )
            )
        arguments: list[str] = ffmpeg.merge_outputs(*outputs).overwrite_output().get_args()
        return arguments

    def _jumps(self, source: _Input) -> tuple[ClockJump, ...]:
        return () if source.is_piece else self.plan.streams[self.track.stream].clock_jumps

    def _bounds(self, source: _Input) -> dict[str, str]:
        if self.track.cut is CutMethod.FRAME:
            return {"start_frame": str(self.chunk.first_frame), "end_frame": str(self.chunk.end_frame)}
        start, end = self.chunk.start_pts - source.offset, self.chunk.end_pts - source.offset
        return {"start_pts": str(start), "end_pts": str(end)}

    def _check_frames(self, frames: list[Frame], source: _Input, messages: list[str]) -> tuple[list[Frame], list[str]]:
        """Return the chunk's own frames, and what is damaged."""
        chunk = self.chunk
        if self.track.cut is CutMethod.FRAME:
            step = frame_step(Fraction(self.track.frame_rate), self.time_base)
            spread = spread_timestamps((frame.pts for frame in frames), step)
            before = chunk.start_pts - spread[0] if spread and spread[0] is not None else 0
            # Where a clock has stood before this chunk, its place in the plan tells for how long.
            shift = before if before >= STANDING_FRAMES * step else 0
            rest = [None if pts is None else pts + shift for pts in spread[1:]]
            times = mend_timestamps([chunk.start_pts, *rest], step) if spread else []
            mine = [Frame(pts, frame.checksum) for pts, frame in zip(times, frames, strict=True)]
            frames[:] = mine
        else:
            mine = [f for f in frames if f.pts is not None and chunk.start_pts <= f.pts < chunk.end_pts]
        damage = find_damage(
            source.media, source.stream, self.track, chunk, source.offset, self._jumps(source), messages, self.what
        )
        got = digest_pts(frame.pts for frame in mine if frame.pts is not None)
        if got != chunk.pts_digest:
            missing = f"{chunk.frames} frames planned, {len(mine)} decoded"
            first = self._first_gap(mine)
            damage = [f"chunk {chunk.index}: {missing}{first}", *damage]
        if damage and self.task.job.profile.damaged is DamagePolicy.REFUSE:
            raise DamagedSource(
                f"{self.what} of {self.task.job.source.address.url}: the source is damaged: {damage[0]}; repair it, or "
                "set damaged: tolerate in the profile to encode what a player would show"
            )
        if not mine:
            raise DamagedSource(
                f"{self.what} of {self.task.job.source.address.url}: no frame decodes; repair the source"
            )
        return mine, damage

    def _first_gap(self, mine: list[Frame]) -> str:
        times = [frame.pts for frame in mine if frame.pts is not None]
        if not times:
            return ""
        step = 1 / Fraction(self.track.frame_rate) / self.time_base
        at = next((a for a, b in pairwise(times) if b - a > step * Fraction(3, 2)), times[-1])
        return f", a gap after {float(self.track.seconds(at - self.track.first_pts)):.3f} s"

    def _look_at_packets(self, expected: int) -> tuple[Shown, int]:
        """Count what came out of the encoder; return when it is shown, and how deep it is reordered."""
        with open_media(f"file:{self.video}", self.what) as container:
            stream = container.streams.video[0]
            packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(stream) if packet.size]
        times = [pts for pts, _ in packets if pts is not None]
        if len(times) != expected or len(set(times)) != expected:
            raise ProofFailed(
                f"{self.what}: {expected} frames went into the encoder, {len(set(times))} came out; it is tried again"
            )
        shown = Shown(sorted(times), [pts for pts, is_keyframe in packets if is_keyframe and pts is not None])
        ranks = {pts: rank for rank, pts in enumerate(shown.times)}
        return shown, max(place - ranks[pts] for place, pts in enumerate(times))
