"""What the demo ends with: where the output lies, what was proven of it, and how it compares with its source."""

from __future__ import annotations

from rich.console import Console

from local_stack.comparison import compare, read_film
from local_stack.demo import DemoResult


def show_result(console: Console, result: DemoResult) -> None:
    """Print a demo's result."""
    report = result.report
    if result.was_there:
        console.print(
            f"{report.source.address.url} was encoded before, from this very content; nothing had to be done.",
            soft_wrap=True,
            markup=False,
        )
    chunks, took_s = len(report.chunks), sum(chunk.timing.wall_s for chunk in report.chunks)
    console.print()
    console.print(f"Output: {report.output.url}", style="bold green", soft_wrap=True, markup=False)
    console.print(f"Copy:   {result.copy_path}", soft_wrap=True, markup=False)
    console.print(f"Made with profile {report.profile.name}, {chunks} chunks, {took_s:.1f} s of encoding in all")
    console.print("\nProven before it was published:")
    for line in report.proof:
        console.print(f"  - {line}", markup=False, soft_wrap=True)
    for left in report.left_out:
        console.print(f"  - left out: {left.what}: {left.reason}", style="yellow", markup=False, soft_wrap=True)
    console.print()
    console.print(compare(read_film(result.source_path), result.source_frames, read_film(result.copy_path)))
    console.print()
