"""Where an output comes from: its report, as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from encoding_contract.errors import BadInput
from encoding_contract.job import parse_gs_url
from encoding_contract.objects import report_name
from encoding_contract.report import Report, parse_publication
from encoding_worker.store import Store


def load_report(store: Store, output_url: str) -> Report:
    """Return the report of a published output.

    Raises:
        BadInput: there is no such output, Mapreel did not publish it, or its report is of another making.
    """
    address = parse_gs_url(output_url)
    found = store.stat(address)
    if found is None:
        raise BadInput(
            f"{output_url}: there is no such output; `mapreel lineage` takes the address of a published film"
        )
    published = parse_publication(found[2])
    if published is None:
        raise BadInput(f"{output_url}: was not published by Mapreel: its metadata names no job")
    beside = address.model_copy(update={"name": report_name(address.name)})
    raw = store.read(beside)
    if raw is None:
        raise BadInput(
            f"{beside.url}: the report is missing; its job was {published.job_id}; reprocess to get a new one"
        )
    report = Report.from_json(raw, beside.url)
    if report.job_id != published.job_id:
        raise BadInput(
            f"{beside.url}: reports job {report.job_id}, the output is of job {published.job_id}: it is being replaced"
        )
    return report


def print_lineage(report: Report, console: Console) -> None:
    """Print source, profile, versions, chunks and proof of an output."""
    source = report.source
    facts = Table(show_header=False, box=None)
    facts.add_row("output", report.output.url)
    facts.add_row("", str(report.output_content))
    facts.add_row("source", source.address.url)
    facts.add_row("", f"generation {source.generation}, {source.content}")
    facts.add_row("job", report.job_id)
    facts.add_row("profile", f"{report.profile.name} ({report.profile.fingerprint()[:12]})")
    for version in report.versions:
        facts.add_row("made by", version)
    facts.add_row(
        "tasks", f"encode_chunk x {len(report.chunks)}, {sum(c.timing.cpu_s for c in report.chunks):.1f} CPU s"
    )
    facts.add_row("", f"encode_audio, {report.audio_timing.cpu_s:.1f} CPU s")
    facts.add_row("", f"merge_video, {report.merge_timing.wall_s:.1f} s")
    for line in report.proof:
        facts.add_row("proven", line)
    for item in report.left_out:
        facts.add_row("left out", f"{item.what}: {item.reason}")
    for line in (*report.damage, *report.notes):
        facts.add_row("note", line)
    console.print(facts)
    chunks = Table("chunk", "track", "from s", "to s", "frames", "bytes", "wall s", "CPU s", box=None)
    for chunk in report.chunks:
        chunks.add_row(
            *(str(chunk.index), str(chunk.track), f"{chunk.start_s:.3f}", f"{chunk.end_s:.3f}", str(chunk.frames)),
            *(str(chunk.size_bytes), f"{chunk.timing.wall_s:.1f}", f"{chunk.timing.cpu_s:.1f}"),
        )
    console.print(chunks)
