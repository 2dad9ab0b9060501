"""What all visitors of this process share: the buckets' listings, the runs, and the judgement of both together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from airflow.configuration import conf

from encoding_flow.bucket import Bucket
from encoding_flow.profiles import ProfileFolder
from encoding_flow.settings import BucketSettings, load_bucket_settings, load_flow_settings
from encoding_page.airflow_api import AirflowApi, Run
from encoding_page.catalogue import Catalogue, Video, list_videos, look_again
from encoding_page.failure import FailureBook
from encoding_page.keeping import Kept
from encoding_page.progress import ProgressBook
from encoding_page.runs import RunBook, latest_of_each
from encoding_page.standing import IsStale, Standing, judge, stale_by

_BUCKETS_MAX_AGE_S = 20
_RUNS_MAX_AGE_S = 2
_RUNS_PATIENCE_S = 10
_PROFILES_MAX_AGE_S = 20


def profile_folder() -> ProfileFolder:
    """Return the folder of profiles, as the DAG files find it."""
    return ProfileFolder(load_flow_settings().profiles or Path(conf.get("core", "dags_folder")) / "profiles")


@dataclass
class Overview:
    """The shared picture."""

    places: Callable[[], BucketSettings] = load_bucket_settings
    profiles: Callable[[], ProfileFolder] = profile_folder
    open_bucket: Callable[[str], Bucket] = Bucket
    progress: ProgressBook = field(init=False)
    failures: FailureBook = field(default_factory=FailureBook)
    _catalogue: Kept[Catalogue] = field(default_factory=lambda: Kept(_BUCKETS_MAX_AGE_S))
    _runs: Kept[dict[str, Run]] = field(default_factory=lambda: Kept(_RUNS_MAX_AGE_S))
    _is_stale: Kept[IsStale] = field(default_factory=lambda: Kept(_PROFILES_MAX_AGE_S))
    _book: RunBook = field(default_factory=RunBook)
    _under_way: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.progress = ProgressBook(self.open_bucket)

    @property
    def problem(self) -> str | None:
        """Why what is shown is older than it should be."""
        return self._catalogue.problem or self._runs.problem

    async def catalogue(self) -> Catalogue:
        """Return all videos.

        Raises:
            BadInput, TransientFault: settings or buckets.
        """
        return await self._catalogue.get(self._list)

    async def standings(self, api: AirflowApi) -> list[Standing]:
        """Return all videos with their states.

        Raises:
            BadInput, TransientFault, ApiRefused: settings, buckets or Airflow.
        """
        catalogue = await self.catalogue()
        runs = await self.latest_runs(api)
        catalogue = await self._look_at_finished(runs, catalogue)
        is_stale = await self._is_stale.get(self._read_profiles)
        prefix = f"gs://{self.places().input.bucket}/"
        return [judge(video, runs.get(prefix + name), is_stale) for name, video in catalogue.videos.items()]

    async def latest_runs(self, api: AirflowApi) -> dict[str, Run]:
        """Return the run of each address that is under way, or failed last.

        Raises:
            ApiRefused: Airflow did not answer.
        """
        return await self._runs.get(lambda: self._book.refresh(api), _RUNS_PATIENCE_S)

    async def video(self, name: str) -> Video | None:
        """Return one video, looked at anew; ``None`` where there is none.

        Raises:
            BadInput, TransientFault: settings or buckets.
        """
        return await asyncio.to_thread(look_again, name, self.places(), self.open_bucket)

    async def judge(self, video: Video, runs: Sequence[Run]) -> Standing:
        """Return a video's state, from all its runs."""
        latest = next(iter(latest_of_each(runs).values()), None)
        return judge(video, latest, await self._is_stale.get(self._read_profiles))

    async def _list(self) -> Catalogue:
        places = self.places()
        return await asyncio.to_thread(list_videos, places, datetime.now(UTC), self.open_bucket)

    async def _read_profiles(self) -> IsStale:
        return await asyncio.to_thread(lambda: stale_by(self.profiles()))

    async def _look_at_finished(self, runs: dict[str, Run], catalogue: Catalogue) -> Catalogue:
        """Look at the videos whose runs have just ended: the next listing of the whole bucket may be minutes away."""
        now_under_way = {url for url, run in runs.items() if not run.is_over}
        ended, self._under_way = self._under_way - now_under_way, now_under_way
        places = self.places()
        prefix = f"gs://{places.input.bucket}/"
        names = [url.removeprefix(prefix) for url in ended if url.startswith(prefix)]
        looks = [asyncio.to_thread(look_again, name, places, self.open_bucket) for name in names]
        found: list[Video | None] = await asyncio.gather(*looks)
        if not any(found):
            return catalogue
        videos = {**catalogue.videos, **{video.name: video for video in found if video is not None}}
        self._catalogue.replace(replace(catalogue, videos=videos))
        return replace(catalogue, videos=videos)
