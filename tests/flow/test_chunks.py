from itertools import pairwise

import pytest

from encoding_contract.errors import BadInput
from encoding_contract.job import JobId
from encoding_contract.plan import Chunk, CutMethod, Plan, VideoTrack, digest_pts
from encoding_flow.chunks import list_mapped_chunks


def make_plan(borders: list[int], first_pts: int = 0, cut: CutMethod = CutMethod.PTS, tracks: int = 1) -> Plan:
    """Frames of 1 s; chunk borders in seconds."""
    frames = borders[-1]
    offset = first_pts if cut is CutMethod.PTS else 0
    track = VideoTrack(
        stream=0,
        time_base="1/1" if cut is CutMethod.PTS else "1/90000",
        width=16,
        height=16,
        pixel_format="yuv420p",
        frame_rate="1/1",
        frames=frames,
        first_pts=first_pts,
        end_pts=first_pts + frames,
        cut=cut,
    )
    pairs = [(number, pair) for number in range(tracks) for pair in pairwise(borders)]
    chunks = [
        Chunk(
            index=index,
            track=number,
            first_frame=start,
            frames=end - start,
            start_pts=offset + start,
            end_pts=offset + end,
            pts_digest=digest_pts(range(offset + start, offset + end)),
        )
        for index, (number, (start, end)) in enumerate(pairs)
    ]
    return Plan(
        job_id=JobId("0" * 32),
        container="matroska",
        duration_us=frames * 1_000_000,
        streams=(),
        tracks=(track,) * tracks,
        chunks=tuple(chunks),
        splitter="test",
    )


def labels(plan: Plan) -> list[object]:
    return [entry["chunk_label"] for entry in list_mapped_chunks(plan, 1024)]


def test_each_chunk_carries_its_index_and_label_and_nothing_else() -> None:
    assert list_mapped_chunks(make_plan([0, 6, 8]), 1024) == [
        {"chunk": 0, "chunk_label": "chunk 0 · 0:00-0:06"},
        {"chunk": 1, "chunk_label": "chunk 1 · 0:06-0:08"},
    ]


def test_time_is_counted_from_the_first_frame_and_hours_show() -> None:
    plan = make_plan([0, 3599, 3725], first_pts=95_443)
    assert labels(plan) == ["chunk 0 · 0:00-59:59", "chunk 1 · 59:59-1:02:05"]


def test_frame_numbers_become_time_where_a_track_is_cut_by_frames() -> None:
    assert labels(make_plan([0, 61, 122], first_pts=7, cut=CutMethod.FRAME)) == [
        "chunk 0 · 0:00-1:01",
        "chunk 1 · 1:01-2:02",
    ]


def test_tracks_are_told_apart() -> None:
    assert labels(make_plan([0, 5], tracks=2)) == ["chunk 0 · track 0 · 0:00-0:05", "chunk 1 · track 1 · 0:00-0:05"]


def test_more_chunks_than_airflow_maps_say_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"has 3 chunks, Airflow maps at most 2 .*AIRFLOW__CORE__MAX_MAP_LENGTH=3 or"):
        list_mapped_chunks(make_plan([0, 1, 2, 3]), 2)
