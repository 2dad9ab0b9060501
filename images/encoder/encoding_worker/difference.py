"""What a changed profile would encode again, said before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from encoding_contract.job import ObjectAddress, parse_gs_url
from encoding_contract.profile import Profile
from encoding_contract.report import parse_publication
from encoding_worker.lineage import load_report
from encoding_worker.store import Store


@dataclass(frozen=True)
class Difference:
    """What becomes of one published film."""

    output: str
    chunks: int
    """Chunks that are encoded again; 0 where only sound or container change, and the film's chunks are taken over."""
    of_chunks: int


def find_differences(store: Store, output_url: str, profile: Profile) -> Iterator[Difference]:
    """Yield the published films that another profile, or another form of it, has made.

    Args:
        store: the buckets.
        output_url: ``gs://OUT[/PREFIX]``.
        profile: as it is now.

    Raises:
        BadInput: an output has no report that can be read.
    """
    address = parse_gs_url(output_url if output_url.count("/") > 2 else output_url + "/-")
    prefix = "" if address.name == "-" else address.name
    for name, metadata in store.list_metadata(address.bucket, prefix):
        published = parse_publication(metadata)
        if published is None or published.was_made_by(profile.fingerprint()):
            continue
        url = ObjectAddress(bucket=address.bucket, name=name).url
        report = load_report(store, url)
        was = report.profile
        is_same_film = (was.video, was.chunk_s, was.alpha) == (profile.video, profile.chunk_s, profile.alpha)
        yield Difference(url, 0 if is_same_film else len(report.chunks), len(report.chunks))
