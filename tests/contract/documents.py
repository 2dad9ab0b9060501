"""Strategies for the contract's documents: any that the models take, hostile names included."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import strategies as st

from encoding_contract.command import Command, Verb
from encoding_contract.job import Content, Job, JobId, ObjectAddress, Source, job_id
from encoding_contract.manifest import AudioManifest, AudioTrackResult, ChunkManifest, StoredObject, Timing
from encoding_contract.plan import (
    Chunk,
    Colour,
    CutMethod,
    LightLevel,
    MasteringDisplay,
    Plan,
    SourceStream,
    StreamKind,
    VideoTrack,
    digest_pts,
)
from encoding_contract.profile import (
    AlphaPolicy,
    AudioCodec,
    AudioSettings,
    Container,
    DamagePolicy,
    Profile,
    VideoCodec,
    VideoSettings,
)
from encoding_contract.quality import ChunkQuality, FilmQuality, Metric, QualitySample
from encoding_contract.report import LeftOut, Pictures, Report, ReportedChunk, Summary

LIMIT_BYTES = 1024
_SPECIAL = [
    "film",
    "..",
    "/",
    ".",
    "\n",
    "~",
    " ",
    "%d",
    ":",
    "-i",
    ".mp4",
    ".mkv",
    "é",
    "影",
    "🎬",
    "a" * 200,
    "é" * 100,
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    st.lists(st.sampled_from(_SPECIAL), min_size=1, max_size=12).map("".join),
    st.text(st.sampled_from("ab~é影"), min_size=300, max_size=1024),
).filter(lambda name: len(name.encode()) <= LIMIT_BYTES)
"""Every name that a store may hold: Unicode, line breaks, dots and slashes, up to 1,024 bytes."""

buckets = st.from_regex(r"[a-z0-9][a-z0-9._-]{1,40}[a-z0-9]", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
ids = st.text("0123456789abcdef", min_size=32, max_size=32).map(JobId)
contents = st.builds(
    Content, size_bytes=st.integers(0, 2**45), crc32c=st.binary(min_size=4, max_size=4).map(lambda raw: raw.hex())
)
addresses = st.builds(ObjectAddress, bucket=buckets, name=names)
sources = st.builds(Source, address=addresses, content=contents, generation=st.integers(0, 2**62))
timings = st.builds(Timing, wall_s=st.floats(0, 1e6), cpu_s=st.floats(0, 1e6))
stored = st.builds(StoredObject, name=names, content=contents)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    container = draw(st.sampled_from(Container))
    is_webm = container is Container.WEBM
    codec = draw(st.sampled_from([VideoCodec.VP9, VideoCodec.SVT_AV1] if is_webm else list(VideoCodec)))
    is_constant = draw(st.booleans())
    audio_codec = draw(st.sampled_from([AudioCodec.OPUS, AudioCodec.NONE] if is_webm else list(AudioCodec)))
    is_lossy = audio_codec in (AudioCodec.AAC, AudioCodec.OPUS)
    video = VideoSettings(
        codec=codec,
        crf=draw(st.floats(0, codec.crf_limit)) if is_constant else None,
        bitrate_kbps=None if is_constant else draw(st.integers(10, 800_000)),
        preset=draw(st.none() | st.sampled_from(["medium", "8", "p5"])),
        tune=draw(st.none() | st.sampled_from(["film", "grain"])),
        pixel_format=draw(st.none() | st.sampled_from(["yuv420p", "yuv420p10le"])),
        max_height=draw(st.none() | st.integers(16, 16_384)),
        options=draw(st.dictionaries(st.sampled_from(["g", "bf", "cpu-used", "row-mt"]), texts, max_size=3)),
    )
    return Profile(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)),
        description=draw(texts),
        video=video,
        audio=AudioSettings(
            codec=audio_codec, bitrate_kbps=draw(st.none() | st.integers(6, 6000)) if is_lossy else None
        ),
        container=container,
        chunk_s=draw(st.floats(0, 24 * 3600)),
        damaged=draw(st.sampled_from(DamagePolicy)),
        alpha=draw(st.sampled_from(AlphaPolicy)),
    )


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    source, profile = draw(sources), draw(profiles())
    return Job(
        id=job_id(source.address, source.content, profile),
        source=source,
        profile=profile,
        work_bucket=draw(buckets),
        output_bucket=draw(buckets),
        output_prefix=draw(texts),
        base_fingerprint=draw(st.none() | st.just(profile.fingerprint())),
        encoder_image=draw(st.none() | texts),
    )


streams = st.builds(
    SourceStream,
    index=st.integers(0, 40),
    kind=st.sampled_from(StreamKind),
    codec=st.sampled_from(["h264", "aac", "subrip", "unknown"]),
    language=st.none() | st.sampled_from(["deu", "eng"]),
    title=st.none() | texts,
    dispositions=st.lists(st.sampled_from(["default", "forced", "dub"]), unique=True).map(tuple),
    channels=st.none() | st.integers(1, 16),
    sample_rate_hz=st.none() | st.integers(8000, 192_000),
    has_usable_times=st.booleans(),
    filename=st.none() | texts,
    mimetype=st.none() | texts,
)
_fractions = st.fractions(min_value=Fraction(1, 1000), max_value=1000).map(lambda f: f"{f.numerator}/{f.denominator}")
_points = st.tuples(_fractions, _fractions)
displays = st.builds(
    MasteringDisplay,
    red=_points,
    green=_points,
    blue=_points,
    white=_points,
    min_luminance=_fractions,
    max_luminance=_fractions,
)


@st.composite
def timestamps(draw: st.DrawFn) -> list[int]:
    """Strictly increasing PTS, at equal or unequal distances, from any start."""
    steps = draw(st.lists(st.integers(1, 4000), min_size=1, max_size=16))
    times = [draw(st.integers(-(2**33), 2**33))]
    for step in steps[1:]:
        times.append(times[-1] + step)
    return times


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    tracks: list[VideoTrack] = []
    chunks: list[Chunk] = []
    for position in range(draw(st.integers(1, 2))):
        times = draw(timestamps())
        inner = draw(st.sets(st.integers(1, len(times) - 1), max_size=5)) if len(times) > 1 else set()
        end = times[-1] + draw(st.integers(1, 4000))
        borders = [0, *sorted(inner), len(times)]
        for a, b in pairwise(borders):
            chunks.append(
                Chunk(
                    index=len(chunks),
                    track=position,
                    first_frame=a,
                    frames=b - a,
                    start_pts=times[a],
                    end_pts=times[b] if b < len(times) else end,
                    pts_digest=digest_pts(times[a:b]),
                    piece=draw(st.none() | st.just(f"{position:03d}-{len(chunks):06d}")),
                    piece_bytes=draw(st.integers(0, 2**40)),
                    weight_bytes=draw(st.integers(0, 2**40)),
                    piece_offset=draw(st.integers(-(2**33), 2**33)),
                )
            )
        tracks.append(
            VideoTrack(
                stream=position,
                time_base=draw(st.sampled_from(["1/90000", "1001/30000", "1/1000"])),
                width=draw(st.integers(1, 8192)),
                height=draw(st.integers(1, 8192)),
                pixel_format="yuv420p",
                has_alpha=draw(st.booleans()),
                frame_rate="30000/1001",
                sample_aspect_ratio=draw(_fractions),
                rotation_deg=draw(st.sampled_from([0, 90, 180, 270])),
                is_mirrored=draw(st.booleans()),
                field_order=draw(st.sampled_from(["progressive", "tt", "bb"])),
                colour=draw(st.builds(Colour, primaries=st.none() | st.integers(1, 22))),
                mastering_display=draw(st.none() | displays),
                light_level=draw(st.none() | st.just(LightLevel(max_content=1000, max_frame_average=400))),
                frames=len(times),
                first_pts=times[0],
                end_pts=end,
                cut=draw(st.sampled_from(CutMethod)),
                cut_reason=draw(texts),
            )
        )
    return Plan(
        job_id=draw(ids),
        container="matroska,webm",
        duration_us=draw(st.integers(0, 2**45)),
        start_us=draw(st.integers(-(2**45), 2**45)),
        streams=tuple(draw(st.lists(streams, max_size=2))),
        tracks=tuple(tracks),
        chunks=tuple(chunks),
        damage=tuple(draw(st.lists(texts, max_size=2))),
        splitter=draw(texts),
    )


scores = st.floats(0, 100)
samples = st.builds(QualitySample, start_us=st.integers(0, 2**45), frames=st.integers(1, 1000), score=scores)
chunk_qualities = st.builds(
    ChunkQuality, metric=st.sampled_from(Metric), samples=st.lists(samples, min_size=1, max_size=4).map(tuple)
)
film_qualities = st.builds(
    FilmQuality,
    metric=st.sampled_from(Metric),
    mean=scores,
    worst=scores,
    worst_us=st.integers(0, 2**45),
    sampled_frames=st.integers(1, 10**9),
)
summaries = st.builds(
    Summary,
    duration_us=st.integers(0, 2**45),
    frames=st.integers(1, 10**9),
    chunks=st.integers(1, 10**6),
    encode_s=st.floats(0, 1e9),
    quality=st.none() | film_qualities,
)
chunk_manifests = st.builds(
    ChunkManifest,
    job_id=ids,
    chunk=st.integers(0, 10**6),
    inputs=digests,
    video=stored,
    frame_list=stored,
    frames=st.integers(1, 10**9),
    reordered=st.integers(0, 16),
    pts_digest=digests,
    encoder=texts,
    commands=st.lists(texts, max_size=2).map(tuple),
    timing=timings,
    damage=st.lists(texts, max_size=2).map(tuple),
    quality=st.none() | chunk_qualities,
    notes=st.lists(texts, max_size=2).map(tuple),
)
audio_manifests = st.builds(
    AudioManifest,
    job_id=ids,
    inputs=digests,
    tracks=st.lists(st.builds(AudioTrackResult, stream=st.integers(0, 40), object=stored), max_size=3).map(tuple),
    encoder=texts,
    commands=st.lists(texts, max_size=2).map(tuple),
    timing=timings,
    notes=st.lists(texts, max_size=2).map(tuple),
)
reports = st.builds(
    Report,
    job_id=ids,
    source=sources,
    output=addresses,
    output_content=contents,
    profile=profiles(),
    container=st.sampled_from(Container).map(lambda container: container.value),
    duration_us=st.integers(0, 2**45),
    frames=st.integers(1, 10**9),
    chunks=st.lists(
        st.builds(
            ReportedChunk,
            index=st.integers(0, 10**6),
            track=st.integers(0, 4),
            start_s=st.floats(0, 1e6),
            end_s=st.floats(0, 1e6),
            frames=st.integers(1, 10**9),
            size_bytes=st.integers(0, 2**45),
            timing=timings,
            samples=st.lists(samples, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    proof=st.lists(texts, max_size=2).map(tuple),
    left_out=st.lists(st.builds(LeftOut, what=texts, reason=texts), max_size=2).map(tuple),
    damage=st.lists(texts, max_size=2).map(tuple),
    notes=st.lists(texts, max_size=2).map(tuple),
    versions=st.lists(texts, max_size=2).map(tuple),
    commands=st.lists(texts, max_size=2).map(tuple),
    merge_timing=timings,
    audio_timing=timings,
    quality=st.none() | film_qualities,
    pictures=st.builds(Pictures, thumbnail=st.none() | names, contact_sheet=st.none() | names, chart=st.none() | names),
)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    verb = draw(st.sampled_from(Verb))
    url = f"gs://{draw(buckets)}/jobs/{draw(ids)}/job.json"
    return Command(verb=verb, job_url=url, chunk=draw(st.integers(0, 10**6)) if verb is Verb.ENCODE else None)
