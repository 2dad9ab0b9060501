"""From the videos that a scan found to the runs that it starts: none twice, no failed one again, at most so many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from encoding_contract.model import Document
from encoding_flow.runs import ClaimBook, RunBook, Standing, look_up, run_id
from encoding_flow.scanning import Candidate

_BLOCK = 40
_NAMED_LIMIT = 20


class Start(Document):
    """A run to start."""

    run_id: str
    source_url: str


class Choice(Document):
    """Which runs to start, and why not the others."""

    starts: tuple[Start, ...] = ()
    under_way: int = 0
    failed: int = 0
    failed_run_ids: tuple[str, ...] = ()
    """The first few of them."""
    left: int = 0
    """Candidates beyond the limit, which the next scan looks at."""


def choose_starts(
    candidates: Sequence[Candidate],
    book: RunBook,
    claims: ClaimBook,
    is_published: Callable[[Candidate], bool],
    limit: int,
    active_limit: int,
    is_yielding: bool = True,
) -> Choice:
    """Take candidates in their order until so many runs can be started.

    A video whose run is under way is left alone. One whose run failed waits until somebody clears that run, or until
    its content or the profile changes, which makes it another job. One whose run has finished, and whose output is gone
    all the same, gets another run of the same job. Runs started by hand, whose ids say nothing, are known by their
    claims. One that was published since the listing needs no run.

    Args:
        candidates: oldest first.
        book: what Airflow knows of the encoding runs.
        claims: which run works on which job.
        is_published: whether the output of the candidate's job stands now.
        limit: the most runs to start.
        active_limit: the most runs under way, these included; a run by hand must find a place before a backlog's.
        is_yielding: leave a video alone while a run encodes it with other settings.
    """
    starts: list[Start] = []
    failed: list[str] = []
    under_way = 0
    for first in range(0, len(candidates), _BLOCK):
        block = candidates[first : first + _BLOCK]
        ids = [run_id(candidate.job_id, candidate.source.name) for candidate in block]
        for position, (candidate, identity, standing) in enumerate(zip(block, ids, look_up(book, ids), strict=True)):
            if len(starts) >= min(limit, active_limit - under_way):
                return _choice(starts, under_way, failed, len(candidates) - first - position)
            attempt = 1
            while standing is Standing.FINISHED:
                attempt += 1
                identity = run_id(candidate.job_id, candidate.source.name, attempt)
                standing = look_up(book, [identity])[0]
            if standing is Standing.ABSENT and (claimed := claims.claimed_by(candidate.job_id)) is not None:
                by_hand = look_up(book, [claimed])[0]
                if by_hand in (Standing.UNDER_WAY, Standing.FAILED):
                    identity, standing = claimed, by_hand
            if standing is Standing.ABSENT and is_yielding and _is_busy(candidate, book, claims):
                standing = Standing.UNDER_WAY
            if standing is Standing.ABSENT and is_published(candidate):
                continue  # since the listing
            if standing is Standing.ABSENT:
                starts.append(Start(run_id=identity, source_url=candidate.source.url))
            elif standing is Standing.FAILED:
                failed.append(identity)
            else:
                under_way += 1
    return _choice(starts, under_way, failed, 0)


def _is_busy(candidate: Candidate, book: RunBook, claims: ClaimBook) -> bool:
    """Return whether a run is at the video, with whatever settings."""
    last = claims.last_at(candidate.source)
    return last is not None and look_up(book, [last])[0] is Standing.UNDER_WAY


def _choice(starts: list[Start], under_way: int, failed: list[str], left: int) -> Choice:
    return Choice(
        starts=tuple(starts),
        under_way=under_way,
        failed=len(failed),
        failed_run_ids=tuple(failed[:_NAMED_LIMIT]),
        left=left,
    )
