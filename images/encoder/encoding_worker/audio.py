"""The verb ``encode-audio``: every audio track once, as a whole.

Encoded by chunk, each border would get the encoder's priming, and the film would drift.
"""

from __future__ import annotations

import logging

import ffmpeg

from encoding_contract.errors import BadInput
from encoding_contract.manifest import AudioManifest, AudioTrackResult, StoredObject, Timing
from encoding_contract.model import Document
from encoding_contract.plan import Plan, SourceStream, StreamKind
from encoding_contract.profile import AudioCodec, AudioSettings, Container
from encoding_worker.demuxing import input_options
from encoding_worker.ffmpeg import Run, run_ffmpeg
from encoding_worker.gateway import open_source
from encoding_worker.task import Task, program_version
from encoding_worker.timeline import seconds_text, shift_to_middle

logger = logging.getLogger(__name__)

_MP4_COPIES = frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac", "alac"})
_WEBM_COPIES = frozenset({"opus", "vorbis"})


class AudioInputs(Document):
    """All that decides the encoded audio's bytes."""

    source_crc32c: str
    source_bytes: int
    streams: tuple[SourceStream, ...]
    audio: AudioSettings
    container: Container
    encoder: str


def encode_audio(task: Task) -> AudioManifest:
    """Encode a job's audio; leave a result that stands.

    Raises:
        EncoderFault: ffmpeg failed or stalled.
    """
    plan = task.load_plan()
    return ensure_audio(task, plan)


def ensure_audio(task: Task, plan: Plan) -> AudioManifest:
    """Return the audio manifest of a job, made now unless one stands."""
    tracks = tuple(stream for stream in plan.streams_of(StreamKind.AUDIO) if stream.channels)
    inputs = AudioInputs(
        source_crc32c=task.job.source.content.crc32c,
        source_bytes=task.job.source.content.size_bytes,
        streams=tracks,
        audio=task.job.profile.audio,
        container=task.job.profile.container,
        encoder=program_version(),
    ).digest()
    manifest = _find(task)
    if manifest is not None and manifest.inputs == inputs and _stands(task, manifest):
        logger.info("job %s audio: its result stands", task.job.id)
        return manifest
    manifest = _make(task, plan, tracks, inputs)
    task.store.write(task.address(task.objects.audio_manifest), manifest.to_json())
    return manifest


def _find(task: Task) -> AudioManifest | None:
    address = task.address(task.objects.audio_manifest)
    raw = task.store.read(address)
    if raw is None:
        return None
    try:
        return AudioManifest.from_json(raw, address.url)
    except BadInput as error:
        logger.warning("%s; it is made again", error)
        return None


def _stands(task: Task, manifest: AudioManifest) -> bool:
    for track in manifest.tracks:
        found = task.store.stat(task.address(track.object.name))
        if found is None or found[0] != track.object.content:
            return False
    return True


def _make(task: Task, plan: Plan, tracks: tuple[SourceStream, ...], inputs: str) -> AudioManifest:
    what = f"job {task.job.id} audio"
    notes = tuple(
        f"audio stream {stream.index} ({stream.codec}) has no channels and was left out"
        for stream in plan.streams_of(StreamKind.AUDIO)
        if not stream.channels
    )
    results: list[AudioTrackResult] = []
    commands: tuple[str, ...] = ()
    timing = Timing(wall_s=0, cpu_s=0)
    if tracks and task.job.profile.audio.codec is not AudioCodec.NONE:
        paths = [task.scratch / f"audio-{position:03d}.mka" for position in range(len(tracks))]
        with open_source(task.store, task.job.source) as door:
            try:
                run = _run(task, plan, tracks, door.url, [str(path) for path in paths], what)
            except Exception:
                door.check()
                raise
            door.check()
        logger.info("%s: %s", what, run.command)
        commands, timing = (run.command,), run.timing
        for position, (stream, path) in enumerate(zip(tracks, paths, strict=True)):
            name = task.objects.audio_track(position)
            content = task.store.upload(path, task.address(name), content_type="audio/x-matroska")
            results.append(AudioTrackResult(stream=stream.index, object=StoredObject(name=name, content=content)))
        logger.info("%s: %d tracks, %.1f s", what, len(results), timing.wall_s)
    elif tracks:
        notes += ("audio was left out: the profile says audio.codec: none",)
    return AudioManifest(
        job_id=task.job.id,
        inputs=inputs,
        tracks=tuple(results),
        encoder=program_version(),
        commands=commands,
        timing=timing,
        notes=notes,
    )


def _run(task: Task, plan: Plan, tracks: tuple[SourceStream, ...], url: str, paths: list[str], what: str) -> Run:
    source = ffmpeg.input(url, **input_options(url), copyts=None)
    outputs = []
    for stream, path in zip(tracks, paths, strict=True):
        options = _track_options(task, stream)
        outputs.append(
            ffmpeg.output(
                source[str(stream.index)],
                path,
                format="matroska",
                output_ts_offset=seconds_text(shift_to_middle(plan)),
                # Without it the first cluster waits for a packet of a stream that is not there.
                max_interleave_delta="0",
                **options,
            )
        )
    arguments: list[str] = ffmpeg.merge_outputs(*outputs).overwrite_output().get_args()
    return run_ffmpeg(arguments, what)


def _track_options(task: Task, stream: SourceStream) -> dict[str, str]:
    profile = task.job.profile
    codec = profile.audio.codec
    if codec is AudioCodec.COPY and _can_copy(stream, profile.container):
        return {"c:a": "copy"}
    if codec is AudioCodec.COPY:
        codec = AudioCodec.OPUS if profile.container is Container.WEBM else AudioCodec.AAC
        logger.warning(
            "job %s audio stream %d: %s cannot hold %s; encoded as %s",
            *(task.job.id, stream.index, profile.container.value, stream.codec, codec.value),
        )
    options = {"c:a": codec.value}
    # Silence goes into holes of the timeline of more than 30 ms, about where ear and eye part; smaller jitter of
    # timestamps stays as it is.
    # Where timestamps run against the samples, that would throw sound away: there the samples are counted.
    filters = ["aresample=async=1:min_hard_comp=0.030000" if stream.has_usable_times else "asetpts=N/SR/TB+STARTPTS"]
    channels = stream.channels or 2
    if codec is AudioCodec.OPUS:
        # libopus knows no side channels: 5.1(side) and the like are named anew, not mixed.
        filters.append("aformat=channel_layouts=mono|stereo|3.0|quad|5.0|5.1|6.1|7.1")
    options["af"] = ",".join(filters)
    if profile.audio.bitrate_kbps is not None:
        options["b:a"] = f"{max(6, round(profile.audio.bitrate_kbps * max(1, channels) / 2))}k"
    return options


def _can_copy(stream: SourceStream, container: Container) -> bool:
    if container is Container.MKV:
        return stream.codec != "unknown"
    return stream.codec in (_MP4_COPIES if container is Container.MP4 else _WEBM_COPIES)
