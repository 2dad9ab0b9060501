"""What is fast stays fast: ratios against other ways, held against those that are written down."""

import shutil

import pytest
from bench.quick import find_worse, measure
from bench.record import load_record
from bench.stage import open_stage


@pytest.mark.bench_quick
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("mkvmerge") is None, reason="mkvmerge is missing: apt-get install mkvtoolnix")
def test_no_ratio_got_worse_by_a_quarter() -> None:
    before = load_record("quick")
    assert before is not None, "docs/performance/quick.json is missing: make bench ONLY=quick"
    with open_stage() as stage:
        now = measure(stage)
    for figure in now.figures:
        print(f"{figure.name}: {figure.value:g}")
    assert find_worse(now, before) == []
