"""sweep_work on a real stack: what is published may go, and going costs nothing but work."""

from __future__ import annotations

from tests.integration.conftest import Mapreel


def test_swept_work_is_gone_and_the_film_can_be_made_again(mapreel: Mapreel) -> None:
    mapreel.upload("swept.mov", chunks=1)
    mapreel.scan(prefix="swept.mov")
    (run,) = mapreel.runs_of("swept.mov")
    assert mapreel.finish("encode_video", run) == "success"
    job = run.split("~")[1]
    assert any(name.startswith(f"jobs/{job}/") for name in mapreel.work_names())

    kept = mapreel.start("sweep_work")
    assert mapreel.finish("sweep_work", kept) == "success"
    assert any(name.startswith(f"jobs/{job}/") for name in mapreel.work_names())

    swept = mapreel.start("sweep_work", keep_days=0)
    assert mapreel.finish("sweep_work", swept) == "success"
    assert not any(name.startswith(f"jobs/{job}/") for name in mapreel.work_names())
    assert mapreel.output("swept.mov") is not None

    again = mapreel.start("encode_video", source="gs://mapreel-in/swept.mov", reprocess=True)
    assert mapreel.finish("encode_video", again) == "success"
    assert [call.verb for call in mapreel.calls("swept.mov") if call.outcome == "made"].count("encode") == 2
