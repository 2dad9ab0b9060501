"""``python -m bench [NAME ...]``: runs experiments one after the other, and writes their records and the page."""

from __future__ import annotations

import sys
from importlib import import_module

from rich.console import Console

from bench.page import write_page
from bench.record import Record
from bench.stage import open_stage

EXPERIMENTS = (
    "whole_path",
    "quality",
    "proof",
    "split",
    "merge",
    "profile",
    "growth",
    "sound",
    "parallel",
    "scale",
    "orchestration",
    "pods",
    "airflow_profile",
    "backlog",
    "quick",
)


def main() -> int:
    """Run the named experiments, or all; exit 1 if a mark is missed."""
    console = Console(soft_wrap=True)
    names = sys.argv[1:] or list(EXPERIMENTS)
    missed = 0
    for name in names:
        if name not in EXPERIMENTS:
            console.print(f"bench: there is no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
            return 2
        console.print(f"[bold]{name}[/bold]")
        with open_stage() as stage:
            record = Record.of(name, import_module(f"bench.{name}").measure(stage))
        for figure in record.findings.figures:
            mark = (
                ""
                if figure.holds is None
                else f"  ({'holds' if figure.holds else 'MISSED'}: {figure.must} {figure.mark:g})"
            )
            missed += figure.holds is False
            console.print(f"  {figure.name}: {figure.value:g} {figure.unit}{mark}")
        console.print(f"  written to {record.save()}")
    write_page(EXPERIMENTS)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
