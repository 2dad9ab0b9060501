"""The verb ``merge``: the chunks become one film, which is proven whole and then published.

Pictures and report are written first, and the output last: its metadata is what a scan takes for "done".
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from encoding_contract.errors import ProofFailed, SourceGone
from encoding_contract.job import Content, ObjectAddress
from encoding_contract.manifest import AudioManifest, ChunkManifest, Timing
from encoding_contract.objects import output_name, report_name
from encoding_contract.plan import Plan, SourceStream
from encoding_contract.profile import Container
from encoding_contract.quality import sum_up
from encoding_contract.report import LeftOut, Report, ReportedChunk, publication_metadata
from encoding_worker.alpha import is_replaced
from encoding_worker.audio import ensure_audio
from encoding_worker.chart import BitFlow
from encoding_worker.cues import list_cut_cues
from encoding_worker.demuxing import open_media
from encoding_worker.encode import ensure_chunk, remake_from_source
from encoding_worker.framecheck import check_frames, compare_overlap, load_frames, own_frames
from encoding_worker.framelist import Frame
from encoding_worker.gateway import open_source
from encoding_worker.holding import list_left_out
from encoding_worker.join import JoinedChunk, Joiner
from encoding_worker.mux import Sides, extract_subtitles, held_subtitles, mux_film
from encoding_worker.pictures import publish_pictures
from encoding_worker.proof import Proof, Sound, read_sound
from encoding_worker.store import content_of
from encoding_worker.task import Task, program_version

logger = logging.getLogger(__name__)

_CONTENT_TYPES = {Container.MKV: "video/x-matroska", Container.MP4: "video/mp4", Container.WEBM: "video/webm"}


@dataclass
class _Gathered:
    """All chunks of a job, held against plan and neighbours."""

    tracks: list[list[JoinedChunk]] = field(default_factory=list)
    manifests: list[ChunkManifest] = field(default_factory=list)
    proof: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def merge(task: Task) -> Report:
    """Join, mux, prove and publish; always anew.

    What should stand and does not is made here: deleted work objects cost work, never correctness.

    Raises:
        ProofFailed: something does not hold; nothing was published.
    """
    started, cpu = time.monotonic(), time.process_time()
    plan = task.load_plan()
    gathered = _gather(task, plan)
    audio = ensure_audio(task, plan)
    path = task.scratch / f"film.{task.job.profile.container.value}"
    command, flow, sounds = _mux(task, plan, gathered, audio, path)
    proof = Proof(task, plan, gathered.tracks, sounds, path)
    gathered.proof += proof.run()
    for line in gathered.proof:
        logger.info("job %s proven: %s", task.job.id, line)
    timing = Timing(wall_s=round(time.monotonic() - started, 3), cpu_s=round(time.process_time() - cpu, 3))
    return _publish(task, plan, gathered, audio, _Film(path, flow, command, timing))


@dataclass(frozen=True)
class _Film:
    """The finished film, not yet published."""

    path: Path
    flow: BitFlow
    command: str
    timing: Timing


def _gather(task: Task, plan: Plan) -> _Gathered:
    gathered = _Gathered()
    overlaps = 0
    for position in range(len(plan.tracks)):
        joined: list[JoinedChunk] = []
        before: list[Frame] = []
        for chunk in plan.chunks_of(position):
            manifest = ensure_chunk(task, plan, chunk)
            frames = load_frames(task, manifest)
            if joined and (difference := compare_overlap(chunk, before, frames)):
                logger.warning(
                    "job %s: %s; chunk %d is encoded anew from the source", task.job.id, difference, chunk.index
                )
                gathered.notes.append(f"{difference}: chunk {chunk.index} was encoded anew from the whole source")
                manifest = remake_from_source(task, plan, chunk)
                frames = load_frames(task, manifest)
            overlaps += bool(joined)
            times = own_frames(plan, chunk, frames)
            check_frames(task, chunk, manifest, times)
            joined.append(JoinedChunk(chunk, manifest, times))
            gathered.manifests.append(manifest)
            before = frames[-64:]
        gathered.tracks.append(joined)
    frames_total = sum(manifest.frames for manifest in gathered.manifests)
    gathered.proof.append(
        f"{len(plan.chunks)} chunks: {frames_total} frames went into the encoders, as planned, and as many came out"
    )
    if overlaps:
        gathered.proof.append(f"{overlaps} borders: both neighbours decode the same frames there")
    return gathered


def _mux(
    task: Task, plan: Plan, gathered: _Gathered, audio: AudioManifest, path: Path
) -> tuple[str, BitFlow, list[Sound]]:
    sounds: list[tuple[SourceStream, Path]] = []
    by_index = {stream.index: stream for stream in plan.streams}
    for number, track in enumerate(audio.tracks):
        sound = task.scratch / f"sound-{number:03d}.mka"
        task.store.download(task.address(track.object.name), sound, track.object.content)
        sounds.append((by_index[track.stream], sound))
    container = task.job.profile.container
    joiner = Joiner(task, plan, gathered.tracks, container)
    with open_source(task.store, task.job.source) as door:
        try:
            subtitles = extract_subtitles(task, plan, door.url, container)
            if subtitles:
                gathered.left_out += list_cut_cues(subtitles, held_subtitles(plan, container), container)
            command = mux_film(task, plan, joiner, Sides(sounds, subtitles), door, path)
        except Exception:
            door.check()
            raise
        door.check()
    heard: list[Sound] = []
    for stream, sound in sounds:
        with open_media(f"file:{sound}", sound.name) as media:
            heard.append(read_sound(media, 0, stream))
        sound.unlink()
    logger.info("job %s: %s", task.job.id, command)
    return command, joiner.flow, heard


def _publish(task: Task, plan: Plan, gathered: _Gathered, audio: AudioManifest, film: _Film) -> Report:
    job = task.job
    found = task.store.stat(job.source.address)
    if found is not None and found[0] != job.source.content:
        raise SourceGone(
            f"{job.source.address.url}: was replaced while it was encoded; the next scan takes the new one"
        )
    name = output_name(job.output_prefix, job.source.address.name, job.profile.container)
    output = ObjectAddress(bucket=job.output_bucket, name=name)
    content = content_of(film.path)
    report = _report(task, plan, gathered, audio, output, content, film)
    report = publish_pictures(task, plan.tracks[0], report, film.path, film.flow)
    task.store.write(ObjectAddress(bucket=job.output_bucket, name=report_name(name)), report.to_json())
    published = task.store.upload(
        film.path,
        output,
        metadata=publication_metadata(job, report.summarize()),
        content_type=_CONTENT_TYPES[job.profile.container],
    )
    if published != content:
        raise ProofFailed(f"{output.url}: expected {content}, published {published}; clear merge_video")
    logger.info("job %s: published %s, %d frames, %s", job.id, output.url, report.frames, content)
    return report


def _report(
    task: Task,
    plan: Plan,
    gathered: _Gathered,
    audio: AudioManifest,
    output: ObjectAddress,
    content: Content,
    film: _Film,
) -> Report:
    chunks = []
    for joined in (joined for track in gathered.tracks for joined in track):
        track = plan.tracks[joined.chunk.track]
        chunks.append(
            ReportedChunk(
                index=joined.chunk.index,
                track=joined.chunk.track,
                start_s=float(track.seconds(joined.chunk.start_pts - track.first_pts)),
                end_s=float(track.seconds(joined.chunk.end_pts - track.first_pts)),
                frames=joined.manifest.frames,
                size_bytes=joined.manifest.video.content.size_bytes,
                timing=joined.manifest.timing,
                samples=joined.manifest.quality.samples if joined.manifest.quality else (),
            )
        )
    profile = task.job.profile
    commands = [line for manifest in gathered.manifests for line in manifest.commands]
    cut_notes = [
        f"video stream {track.stream} was cut by frame number: {track.cut_reason}"
        for track in plan.tracks
        if track.cut_reason
    ]
    alpha_notes = [
        f"video stream {track.stream} is transparent, which {profile.video.codec.value} cannot hold: libvpx-vp9 it is"
        for track in plan.tracks
        if is_replaced(profile, track)
    ]
    return Report(
        job_id=task.job.id,
        source=task.job.source,
        output=output,
        output_content=content,
        profile=profile,
        container=profile.container.value,
        duration_us=plan.duration_us,
        frames=sum(manifest.frames for manifest in gathered.manifests),
        chunks=tuple(chunks),
        proof=tuple(gathered.proof),
        left_out=(*list_left_out(plan, profile), *gathered.left_out),
        damage=tuple(plan.damage) + tuple(spot for manifest in gathered.manifests for spot in manifest.damage),
        notes=(
            *audio.notes,
            *cut_notes,
            *alpha_notes,
            *gathered.notes,
            *(note for manifest in gathered.manifests for note in manifest.notes),
        ),
        versions=tuple(
            sorted({program_version(), plan.splitter, audio.encoder, *(m.encoder for m in gathered.manifests)})
        ),
        commands=(*commands, *audio.commands, film.command),
        merge_timing=film.timing,
        audio_timing=audio.timing,
        quality=sum_up((m.frames, m.quality) for m in gathered.manifests if m.quality is not None),
    )
