"""Writes docs/performance.md and its plots from the records; nothing on that page is typed by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from bench.record import FOLDER, Record, load_record

PAGE = FOLDER.parent / "performance.md"
INTRODUCTION = """# Performance
What Mapreel costs, beside what one would take instead. Each part is one experiment of `bench/`: `make bench` runs all,
`make bench ONLY=split` one, and both write this page. Ways that are compared were measured in turn in one run; ratios
travel between machines, absolute times do not. `make bench-quick` measures the cheapest ratios again, what seems worse
up to four times, and fails where one got worse by more than a quarter; CI runs it.
"""
IDEAS = """## Ideas that others proved, and what came of them here
- **Encoders of one thread, as many as cores**: taken in the local runtime. "Chunked against plain".
- **Reading and putting while encoding**: taken for sounds, whose file can be written in order, so that they need no
  scratch; not for chunks. A piece is held against its checksum before it is decoded, as half a piece would look like
  damage of the source, and a chunk is put when its frames are counted. "Two workers" says how little all that comes
  around an encoder takes. Only a film that cannot be cut into pieces is read while it is encoded.
- **Borders at scene cuts**: not taken. "Size and quality" says what borders cost, the most that this can win.
- **Shorter chunks for an idle cluster**: not taken. While Airflow starts a task a second they make one film on 64
  workers no faster ("Many workers"); `chunk_s` is the profile's to set.
- **The longest chunks first**: not taken. "Many workers" says what it wins; a task's map index would no longer be its
  chunk's number.
- **One pod for several chunks**: not taken. "Many workers" says what it wins; each lost spot node, retry and cleared
  task would cost as many chunks.
"""

MISSES = {
    "split": "`cp` copies within the kernel; split reads and writes by HTTP, counts every frame, computes checksums. "
    'Only to carry the same bytes takes Google\'s own client longer ("against carrying the bytes"). By function: '
    "{profile}.",
    "merge": "mkvmerge copies packets of files; merge reads and writes by HTTP, counts every packet and decodes around "
    "each border. mkvmerge in a script that fetches and puts takes as long. By function: {profile}.",
    "parallel": "the buckets' emulator and the meter run on the workers' own cores; of what they leave it holds. What "
    "a worker does around its encoder: {profile}.",
    "scale": "60 chunks keep 64 workers busy only if all take equally long and nothing comes before or after them; "
    "what each of these costs stands there.",
    "orchestration": "in each of its rounds Airflow's scheduler reads all task instances of a run: {airflow_profile}.",
    "pods": "the same: {airflow_profile}. What a film costs beside its chunks weighs only short ones down.",
}
"""Why an experiment's mark is missed, and which profile shows it."""


def write_page(experiments: tuple[str, ...], folder: Path = FOLDER, page: Path = PAGE) -> None:
    """Write the page and its plots from the records that stand."""
    records = [record for name in experiments if (record := load_record(name, folder)) is not None]
    parts = [INTRODUCTION, _write_marks(records), *(_write_part(record, folder) for record in records), IDEAS]
    missing = [f"`{name}`" for name in experiments if load_record(name, folder) is None]
    if missing:
        parts.append(f"## Not measured yet\nWritten, and without a record: {', '.join(missing)}.\n")
    page.write_text("\n".join(parts))


def _write_marks(records: list[Record]) -> str:
    """Return what must be reached, in one table: what holds, and of what does not, why."""
    links = {name: f"[{title}](#{_anchor(title)})" for name, (title, _) in TITLES.items()}
    lines = ["## What must be reached", "| part | marks that hold | what is missed, and why |", "| --- | --- | --- |"]
    for record in records:
        marked = [figure for figure in record.findings.figures if figure.holds is not None]
        missed = [figure for figure in marked if not figure.holds]
        figures = "; ".join(
            f"{figure.name}: {figure.value:g} {figure.unit} ({figure.must} {figure.mark:g})" for figure in missed
        )
        why = MISSES.get(record.experiment, "not found out yet.").format(**links)
        if marked:
            lines.append(
                f"| {links[record.experiment]} | {len(marked) - len(missed)} of {len(marked)} "
                f"| {f'{figures}. Why: {why}' if missed else ''} |"
            )
    return "\n".join([*lines, ""])


def _anchor(title: str) -> str:
    """Return the name that a page's readers give to a heading."""
    return "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -").replace(" ", "-")


def _write_part(record: Record, folder: Path) -> str:
    found = record.findings
    title, what = TITLES[record.experiment]
    machine = ", ".join(
        (
            f"{record.machine['cpus']} CPUs ({record.machine['cpu']})",
            record.machine["memory"],
            f"load {record.machine.get('load', 'not noted')}",
        )
    )
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    lines = [f"## {title}", what, "", "| what | measured | must reach | |", "| --- | --- | --- | --- |"]
    for figure in found.figures:
        mark = "" if figure.holds is None else f"{figure.must} {figure.mark:g} {figure.unit}"
        verdict = {None: "", True: "holds", False: "**missed**"}[figure.holds]
        lines.append(f"| {figure.name} | {figure.value:g} {figure.unit} | {mark} | {verdict} |")
    lines += ["", *(f"- {note}" for note in found.notes), ""]
    if record.experiment in PLOTS:
        lines += [f"![{title}](performance/{_plot(record, folder).name})", ""]
    lines += [
        f"`{record.command}` on {record.date:%Y-%m-%d %H:%M} UTC, {machine}; {versions}. Film: {found.film}. "
        f"All measurements: [{record.experiment}.json](performance/{record.experiment}.json).",
        "",
    ]
    return "\n".join(lines)


def _plot(record: Record, folder: Path) -> Path:
    drawing = Drawing(figsize=(7, 3), layout="constrained")
    PLOTS[record.experiment](drawing.subplots(), record)
    path = folder / f"{record.experiment}.svg"
    # No date and no random ids: the same record gives the same file.
    with mpl.rc_context({"svg.hashsalt": record.experiment}):
        drawing.savefig(path, metadata={"Date": None})
    return path


def _plot_ways(axes: Axes, record: Record) -> None:
    rows = [row for row in record.findings.rows if "way" in row]
    ways = list(dict.fromkeys(row["way"] for row in rows))
    for key, marker in (("wall_s", "o"), ("cpu_s", "x")):
        axes.plot([row[key] for row in rows], [ways.index(row["way"]) for row in rows], marker, label=key)
    axes.set(yticks=range(len(ways)), yticklabels=ways, xlabel="seconds", xlim=(0, None), ylim=(-0.5, len(ways) - 0.5))
    axes.legend()


def _plot_growth(axes: Axes, record: Record) -> None:
    for verb in dict.fromkeys(row["verb"] for row in record.findings.rows):
        own = [row for row in record.findings.rows if row["verb"] == verb]
        axes.plot([row["minutes"] for row in own], [row["memory_bytes"] / 1e6 for row in own], "o-", label=verb)
    axes.set(xlabel="minutes of film", ylabel="MB at most", xscale="log", ylim=(0, None))
    axes.legend()


def _plot_path(axes: Axes, record: Record) -> None:
    steps = [row for row in record.findings.rows if "verb" in row and row["round"] == 0]
    for place, row in enumerate(steps):
        axes.barh(-place, row["wall_s"], left=row["begun_s"])
    names = [row["verb"] + ("" if row["chunk"] is None else f" {row['chunk']}") for row in steps]
    axes.set(yticks=[-place for place in range(len(steps))], yticklabels=names, xlabel="seconds")
    axes.tick_params(axis="y", labelsize=6)


def _plot_scale(axes: Axes, record: Record) -> None:
    for films in dict.fromkeys(row["films"] for row in record.findings.rows):
        own = [row for row in record.findings.rows if row["films"] == films]
        shares = [row["efficiency"] * 100 for row in own]
        axes.plot([row["workers"] for row in own], shares, "o-", label=f"{films:,} film{'s' if films > 1 else ''}")
    axes.set(xlabel="workers", ylabel="% of their time that encodes", xscale="log", ylim=(0, 100))
    axes.legend()


def _plot_orchestration(axes: Axes, record: Record) -> None:
    for database in dict.fromkeys(row["database"] for row in record.findings.rows):
        own = [row for row in record.findings.rows if row["database"] == database]
        axes.plot([row["chunks"] for row in own], [row["cpu_s_per_chunk"] for row in own], "o-", label=database)
    axes.set(xlabel="chunks", ylabel="CPU seconds a chunk", xscale="log", ylim=(0, None))
    axes.legend()


def _plot_backlog(axes: Axes, record: Record) -> None:
    rows = record.findings.rows
    axes.plot([row["chunks_before"] + row["chunks"] for row in rows], [row["cpu_s_per_chunk"] for row in rows], "o-")
    axes.set(xlabel="chunks made so far", ylabel="CPU seconds a chunk", ylim=(0, None))


PLOTS: dict[str, Callable[[Axes, Record], None]] = {
    "split": _plot_ways,
    "merge": _plot_ways,
    "whole_path": _plot_path,
    "growth": _plot_growth,
    "scale": _plot_scale,
    "orchestration": _plot_orchestration,
    "backlog": _plot_backlog,
}
TITLES = {
    "whole_path": (
        "Chunked against plain",
        "The whole worker path on one machine with two encoders of one thread each: split, chunks, audio, merge, proof "
        "and all transfers; against one ffmpeg process with two threads and the same settings.",
    ),
    "quality": (
        "Size and quality",
        "What chunks cost against one pass, with the same settings and one thread in both.",
    ),
    "proof": (
        "What the proof costs",
        "CPU seconds of all that is there only to prove the film whole, in per cent of those of encoding it.",
    ),
    "split": (
        "Split",
        "Bytes a second, against `cp` of the same file on the same disk, and against a script that fetches the object "
        "and puts it back by Google's own client (carry).",
    ),
    "merge": (
        "Merge with proof",
        "Chunks and sound become one published film; against mkvmerge on the same chunks, alone and in a script that "
        "fetches them and puts the result.",
    ),
    "profile": (
        "Where the time of split, encode and merge goes",
        "Shares of their CPU seconds by the innermost of the worker's functions (`bench/profile.py`, by py-spy).",
    ),
    "growth": (
        "Memory and scratch",
        "The most that each verb holds, program and ffmpeg together, over films of different length.",
    ),
    "sound": (
        "Where a sound's file is written",
        "The real `encode-audio`, looked at by strace: what lies in its scratch, and how much of that is no longer "
        "what would have been sent while it was made.",
    ),
    "parallel": (
        "Two workers",
        "The part of the workers' time that encodes: CPU seconds of the encoders in all seconds that the workers had, "
        "and what else the machine's cores did meanwhile.",
    ),
    "scale": (
        "Many workers",
        'The same for more workers, simulated: the chunk times of "Chunked against plain" with what "Two workers" '
        "found around them, replayed (`bench/scale.py` says what the model leaves out).",
    ),
    "quick": (
        "What CI measures again",
        "CPU seconds of ours against those of the other way, on small films.",
    ),
    "backlog": (
        "A backlog",
        "1,750 films of 60 chunks wait in the bucket, and no work takes time: what the scheduler makes of it, and "
        "whether a chunk costs more as the history grows.",
    ),
    "orchestration": (
        "Orchestration",
        "What Airflow adds to a chunk: a whole run of `encode_video` with a worker that does nothing, in CPU seconds "
        "of all of the stack's processes. PostgreSQL is measured beside SQLite where `MAPREEL_BENCH_DATABASE` names an "
        "empty database.",
    ),
    "pods": (
        "Orchestration of pods",
        "What Airflow adds to a chunk in a pod of a real cluster, with a worker that does nothing, in CPU seconds of "
        "all of the stack's processes; what the pods and the cluster take is not in it.",
    ),
    "airflow_profile": (
        "Where Airflow's time goes",
        "Shares of the CPU time of each part of the stack while it takes a film of paper through "
        "(`bench/airflow_profile.py`, by py-spy).",
    ),
}
