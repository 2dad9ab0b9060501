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
from encoding_contract.profile import AudioCodec, AudioSettings, Container, Profile
from encoding_worker.clock import clock_options
from encoding_worker.demuxing import input_options
from encoding_worker.ffmpeg import Run, run_ffmpeg
from encoding_worker.gateway import open_source
from encoding_worker.pipes import StorePipe
from encoding_worker.sounds import LEAST_STEP_NS
from encoding_worker.task import Task, program_version
from encoding_worker.timeline import seconds_text, shift_to_middle

logger = logging.getLogger(__name__)

_MP4_COPIES = frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac"})
"""Without ALAC: Matroska, in which a track waits, keeps no length of its packets, and MP4 would end before the last."""
_MP4_LOWEST_MP3_HZ = 16_000
_MOST_NAMED_CHANNELS = 8
"""No codec but Opus holds more, and that one keeps them apart, without their names."""
_SEPARATE_CHANNELS = "255"
"""Opus' mapping family of channels that stand each for itself: RFC 7845, section 5.1.1.3."""
_WEBM_COPIES = frozenset({"opus", "vorbis"})
_CONTENT_TYPE = "audio/x-matroska"


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
    results: tuple[AudioTrackResult, ...] = ()
    commands: tuple[str, ...] = ()
    timing = Timing(wall_s=0, cpu_s=0)
    if tracks and task.job.profile.audio.codec is not AudioCodec.NONE:
        sounds: list[_Sound] = []
        try:
            sounds.extend(_Sound(task, position, stream) for position, stream in enumerate(tracks))
            with open_source(task.store, task.job.source) as door:
                try:
                    run = _run(plan, sounds, door.url, what)
                except Exception:
                    for sound in sounds:
                        sound.give_up()
                    door.check()
                    raise
                door.check()
            logger.info("%s: %s", what, run.command)
            commands, timing = (run.command,), run.timing
            results = tuple(sound.finish() for sound in sounds)
        finally:
            for sound in sounds:
                sound.close()
        logger.info("%s: %d tracks, %.1f s", what, len(results), timing.wall_s)
    elif tracks:
        notes += ("audio was left out: the profile says audio.codec: none",)
    return AudioManifest(
        job_id=task.job.id,
        inputs=inputs,
        tracks=results,
        encoder=program_version(),
        commands=commands,
        timing=timing,
        notes=notes,
    )


class _Sound:
    """One track on its way into the store: by a pipe where its file is written in order, else by the scratch."""

    def __init__(self, task: Task, position: int, stream: SourceStream) -> None:
        self.stream = stream
        self.options = _track_options(task, stream)
        self._store = task.store
        self._name = task.objects.audio_track(position)
        self._address = task.address(self._name)
        self._path = task.scratch / f"audio-{position:03d}.mka"
        self.pipe: StorePipe | None = None
        if AudioCodec(self.options["c:a"]).is_written_in_order:
            self.pipe = StorePipe(task.store, self._address, _CONTENT_TYPE)

    @property
    def url(self) -> str:
        """Where ffmpeg writes the track."""
        return str(self._path) if self.pipe is None else self.pipe.url

    def finish(self) -> AudioTrackResult:
        """See the whole track into the store."""
        if self.pipe is None:
            content = self._store.upload(self._path, self._address, content_type=_CONTENT_TYPE)
            self._path.unlink()
        else:
            content = self.pipe.finish()
        return AudioTrackResult(stream=self.stream.index, object=StoredObject(name=self._name, content=content))

    def give_up(self) -> None:
        """Leave nothing of a track that failed; raise what went wrong with its upload, if that is why."""
        if self.pipe is not None:
            self.pipe.give_up()

    def close(self) -> None:
        """Wait for nothing more."""
        if self.pipe is not None:
            self.pipe.close()


def _run(plan: Plan, sounds: list[_Sound], url: str, what: str) -> Run:
    clock = clock_options(sound.stream for sound in sounds)
    source = ffmpeg.input(url, **input_options(url), **clock, copyts=None)
    outputs = [
        ffmpeg.output(
            source[str(sound.stream.index)],
            sound.url,
            format="matroska",
            output_ts_offset=seconds_text(shift_to_middle(plan)),
            # Without it the first cluster waits for a packet of a stream that is not there.
            max_interleave_delta="0",
            **sound.options,
        )
        for sound in sounds
    ]
    arguments: list[str] = ffmpeg.merge_outputs(*outputs).overwrite_output().get_args()
    return run_ffmpeg(arguments, what, pipes=[sound.pipe.write_end for sound in sounds if sound.pipe is not None])


def _track_options(task: Task, stream: SourceStream) -> dict[str, str]:
    profile = task.job.profile
    codec = _choose_codec(stream, profile)
    if codec is not profile.audio.codec:
        logger.warning(
            "job %s audio stream %d (%s, %d channels): goes into %s as %s, which holds it",
            *(task.job.id, stream.index, stream.codec, stream.channels, profile.container.value, codec.value),
        )
    if codec is AudioCodec.COPY:
        return {"c:a": "copy"}
    options = {"c:a": codec.value}
    # Where timestamps run against the samples, believing them would throw sound away: there the samples are counted.
    step = f"aresample=async=1:min_hard_comp={LEAST_STEP_NS / 1e9}"
    filters = [step if stream.has_usable_times else "asetpts=N/SR/TB+STARTPTS"]
    channels = stream.channels or 2
    if codec is AudioCodec.OPUS and channels > _MOST_NAMED_CHANNELS:
        options["mapping_family"] = _SEPARATE_CHANNELS
    elif codec is AudioCodec.OPUS:
        # libopus knows no side channels: 5.1(side) and the like are named anew, not mixed.
        filters.append("aformat=channel_layouts=mono|stereo|3.0|quad|5.0|5.1|6.1|7.1")
    options["af"] = ",".join(filters)
    if profile.audio.bitrate_kbps is not None:
        options["b:a"] = f"{max(6, round(profile.audio.bitrate_kbps * max(1, channels) / 2))}k"
    return options


def _choose_codec(stream: SourceStream, profile: Profile) -> AudioCodec:
    """Return the profile's codec for a track, or the one that holds what that cannot."""
    codec, container = profile.audio.codec, profile.container
    has_many = (stream.channels or 0) > _MOST_NAMED_CHANNELS
    if codec is AudioCodec.COPY or (codec is AudioCodec.FLAC and has_many):
        codec = AudioCodec.COPY if _can_copy(stream, container) else _in_place_of_copy(stream, container)
    return AudioCodec.OPUS if has_many and codec is not AudioCodec.COPY else codec


def _can_copy(stream: SourceStream, container: Container) -> bool:
    if container is Container.MKV:
        return stream.codec != "unknown"
    if container is Container.WEBM:
        return stream.codec in _WEBM_COPIES
    is_low = stream.codec == "mp3" and (stream.sample_rate_hz or 0) < _MP4_LOWEST_MP3_HZ
    return stream.codec in _MP4_COPIES and not is_low


def _in_place_of_copy(stream: SourceStream, container: Container) -> AudioCodec:
    if container is Container.WEBM:
        return AudioCodec.OPUS
    return AudioCodec.FLAC if stream.codec == "alac" else AudioCodec.AAC
