"""Random films: whatever their frame rate, GOPs, timestamps, codec, container and tracks, the output is the same film.

The films are the same in each run. ``MAPREEL_TEST_SEED=7 MAPREEL_TEST_EXAMPLES=100`` makes others, and more of them.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from encoding_contract.profile import Container, Profile
from tests.corpus import encode_film
from tests.worker.films import FilmShelf, Recipe
from tests.worker.looks import check_frames, check_sound

SEED = int(os.environ.get("MAPREEL_TEST_SEED", "20"))
EXAMPLES = int(os.environ.get("MAPREEL_TEST_EXAMPLES", "12"))

CONTAINERS = {
    "libx264": ["mkv", "mp4", "ts", "mov", "avi"],
    "libx265": ["mkv", "mp4", "ts", "mov"],
    "mpeg2video": ["mkv", "mp4", "ts", "mov", "avi"],
    "mpeg4": ["mkv", "mp4", "mov", "avi"],
    "libvpx": ["mkv", "webm", "avi"],
}
AUDIO = {"avi": "pcm_s16le", "mov": "pcm_s16le", "webm": "libopus", "ts": "mp2"}


@dataclass(frozen=True)
class Film:
    """A film to be made, and how it is to be encoded."""

    recipe: Recipe
    chunk_s: float
    output: Container


@st.composite
def films_of_any_kind(draw: st.DrawFn) -> Film:
    codec = draw(st.sampled_from(sorted(CONTAINERS)))
    ending = draw(st.sampled_from(CONTAINERS[codec]))
    gop = draw(st.integers(1, 40))
    b_frames = 0 if codec == "libvpx" else draw(st.integers(0, 3))
    is_open = draw(st.booleans())
    frames = draw(st.integers(25, 110))
    rate = draw(st.sampled_from(["25", "24000/1001", "30000/1001", "50", "12", "60000/1001", "24"]))
    video = ["-c:v", codec, "-g", str(gop), "-threads", "1", "-pix_fmt", "yuv420p"]
    if codec == "libx264":
        parameters = f"open-gop={int(is_open)}:keyint={gop}:scenecut=0:b-pyramid=normal"
        video += ["-preset", "veryfast", "-crf", "14", "-bf", str(b_frames), "-x264-params", parameters]
    elif codec == "libx265":
        parameters = f"open-gop={int(is_open)}:keyint={gop}:min-keyint={gop}:bframes={b_frames}:log-level=error:pools=1"
        video += ["-preset", "ultrafast", "-crf", "14", "-x265-params", parameters]
    elif codec == "libvpx":
        video += ["-deadline", "realtime", "-cpu-used", "8", "-b:v", "3M", "-auto-alt-ref", "0"]
    else:
        video += [
            "-q:v",
            "2",
            "-bf",
            str(b_frames),
            *([] if is_open else ["-flags", "+cgop", "-sc_threshold", "1000000000"]),
        ]
    if ending != "avi" and codec != "mpeg2video" and draw(st.booleans()):
        # Neither AVI nor MPEG-2 knows frames of unequal length.
        dropped = draw(st.sets(st.integers(1, frames), min_size=1, max_size=20))
        video += ["-vf", f"select='not({'+'.join(f'eq(n,{number})' for number in sorted(dropped))})'"]
        video += ["-fps_mode", "vfr"]
    offset = 0 if ending in ("avi", "webm") else draw(st.sampled_from([0, 0, 0.37, 5, 4000]))
    if offset:
        video += ["-output_ts_offset", str(offset)]
    sounds = draw(st.integers(0, 2))
    audio = ("-c:a", AUDIO.get(ending, "aac")) if sounds else ()
    return Film(
        Recipe(f"film.{ending}", tuple(video), audio, rate, frames, sounds),
        chunk_s=draw(st.sampled_from([0.3, 0.8, 1.5])),
        output=draw(st.sampled_from([Container.MKV, Container.MP4])),
    )


@pytest.mark.usefixtures("buckets")
@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=False,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(film=films_of_any_kind())
def test_the_output_is_the_same_film(films: FilmShelf, quick: Profile, film: Film) -> None:
    note(f"MAPREEL_TEST_SEED={SEED}: {film}")
    profile = quick.model_copy(update={"chunk_s": film.chunk_s, "container": film.output})
    with tempfile.TemporaryDirectory() as folder:
        source = films.make(film.recipe, Path(folder) / film.recipe.name)
        line = encode_film(source, profile, Path(folder) / f"out.{film.output.value}")
        assert line["outcome"] == "encoded", line["error"]
        assert line["report"]["damage"] == []
        output = Path(line["output"])
        assert check_frames(source, output) == line["report"]["frames"]
        for position in range(film.recipe.sounds):
            check_sound(source, output, position)
