"""One figure for a film, out of samples of its chunks."""

from hypothesis import given
from hypothesis import strategies as st

from encoding_contract.quality import ChunkQuality, Metric, QualitySample, sum_up
from tests.contract.documents import chunk_qualities


def measured(*samples: tuple[int, int, float]) -> ChunkQuality:
    return ChunkQuality(
        metric=Metric.VMAF, samples=tuple(QualitySample(start_us=a, frames=b, score=c) for a, b, c in samples)
    )


def test_a_long_chunk_weighs_more_than_a_short_one() -> None:
    film = sum_up([(300, measured((0, 10, 90), (9_000_000, 10, 80))), (100, measured((12_000_000, 4, 45)))])
    assert film is not None
    assert film.mean == (300 * 85 + 100 * 45) / 400
    assert (film.worst, film.worst_us, film.sampled_frames) == (45, 12_000_000, 24)


def test_nothing_measured_is_no_figure() -> None:
    assert sum_up([]) is None


@given(st.lists(st.tuples(st.integers(1, 10**6), chunk_qualities), min_size=1, max_size=5))
def test_the_mean_lies_among_the_samples(chunks: list[tuple[int, ChunkQuality]]) -> None:
    film = sum_up(chunks)
    scores = [sample.score for _, quality in chunks for sample in quality.samples]
    assert film is not None
    assert min(scores) - 0.01 <= film.mean <= max(scores) + 0.01
    assert film.worst == round(min(scores), 2)
