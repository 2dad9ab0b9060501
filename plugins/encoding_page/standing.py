"""The state of a video: what its buckets and its latest run say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from encoding_contract.errors import ProfileError
from encoding_contract.report import Published
from encoding_flow.profiles import ProfileFolder
from encoding_flow.runs import RunState
from encoding_page.airflow_api import Run
from encoding_page.catalogue import Video


class State(StrEnum):
    """What a visitor is told of a video."""

    NEW = "new"
    """No output was made from this content, and no run is at it."""
    WAITING = "waiting"
    """Its run waits for its turn."""
    RUNNING = "running"
    DONE = "done"
    STALE = "stale"
    """The output was made with other settings than its profile has now."""
    FAILED = "failed"
    """Its latest run failed, after the output that stands, if one does."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A video, its state, and the run that the state comes from."""

    video: Video
    state: State
    run: Run | None


IsStale = Callable[[Published], bool]
"""Tells of an output whether its profile has changed."""


def judge(video: Video, run: Run | None, is_stale: IsStale) -> Standing:
    """Return a video's state.

    Args:
        video: what the buckets say.
        run: its run that is under way, or that failed last; one that succeeded says nothing beyond the output.
        is_stale: whether an output's settings are those of its profile.
    """
    if run is not None and not run.is_over:
        return Standing(video, State.WAITING if run.state == RunState.QUEUED else State.RUNNING, run)
    if run is not None and run.state == RunState.FAILED and _is_last_word(run, video):
        return Standing(video, State.FAILED, run)
    if video.output is None or not video.is_made:
        return Standing(video, State.NEW, None)
    if is_stale(video.output.published):
        return Standing(video, State.STALE, None)
    return Standing(video, State.DONE, None)


def _is_last_word(run: Run, video: Video) -> bool:
    """Tell whether nothing came after a failed run: no output, and no other content of the source."""
    ended = run.end_date or run.run_after
    if video.is_made and video.output is not None and video.output.updated > ended:
        return False
    return video.source is None or video.source.updated <= ended


def stale_by(profiles: ProfileFolder) -> IsStale:
    """Return a judge of outputs by the profiles of a folder, each of which is read once.

    An output whose profile is not there any more, or cannot be read, is not called stale: nothing could be said of what
    it should be instead.
    """
    known: Mapping[str, str] = _fingerprints(profiles)
    return lambda made: made.profile in known and not made.was_made_by(known[made.profile])


def _fingerprints(profiles: ProfileFolder) -> dict[str, str]:
    found = {}
    for name in profiles.list_names():
        try:
            found[name] = profiles.load(name).fingerprint()
        except ProfileError:
            continue
    return found
