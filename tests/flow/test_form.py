"""The trigger form: the contract's own limits, and one set of overrides out of single settings and further ones."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from encoding_contract.profile import CHUNK_S_LIMIT, VideoCodec, VideoSettings
from encoding_flow.form import profile_params, read_overrides
from encoding_flow.profiles import ProfileFolder

FOLDER = ProfileFolder(Path(__file__).parents[2] / "dags" / "profiles")


@pytest.fixture
def form() -> dict[str, Param]:
    """A form of its own: a field keeps what it was given."""
    return profile_params(FOLDER, "h264-1080p")


def test_a_profile_is_chosen_by_what_it_is_for(form: dict[str, Param]) -> None:
    shown = form["profile"].schema["values_display"]
    assert sorted(shown) == form["profile"].schema["enum"] == FOLDER.list_names()
    assert shown["h264-1080p"].startswith("h264-1080p: H.264 for every player. ")
    assert all(text.startswith(f"{name}: ") for name, text in shown.items())
    assert all(FOLDER.load(name).description == FOLDER.describe()[name] for name in FOLDER.list_names())


def test_a_broken_profile_does_not_break_the_form(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("description: 'Fine: \"really\"'\n")
    (tmp_path / "list.yaml").write_text("description: [a\nvideo: {}\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "none.yaml").write_text("video: {crf: 20}\n")
    shown = profile_params(ProfileFolder(tmp_path), "gone").get("profile").schema["values_display"]  # type: ignore[union-attr]
    assert shown == {
        **{name: name for name in ("binary", "gone", "list", "none")},
        "good": 'good: Fine: "really"',
    }


def test_limits_are_those_of_the_contract(form: dict[str, Param]) -> None:
    fields = {"crf": (0, 63), "max_height": (16, 16_384), "chunk_s": (0, CHUNK_S_LIMIT)}
    for name, limits in fields.items():
        assert (form[name].schema["minimum"], form[name].schema["maximum"]) == limits
    assert form["codec"].schema["enum"] == [*(codec.value for codec in VideoCodec), None]
    VideoSettings(codec=VideoCodec.X264, crf=fields["crf"][0], max_height=fields["max_height"][1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("crf", 64), ("crf", -1), ("crf", "good"), ("max_height", 1), ("max_height", 720.5)],
        *[("codec", "libx266"), ("preset", "--help"), ("chunk_s", -1), ("profile", "none"), ("overrides", "crf=20")],
    ],
)
def test_a_wrong_value_is_refused_before_a_run_starts(form: dict[str, Param], name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        form[name].resolve(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("crf", 23.5), ("crf", None), ("codec", "libx265"), ("codec", None), ("preset", "8"), ("chunk_s", 0)],
)
def test_a_right_one_is_taken(form: dict[str, Param], name: str, value: Any) -> None:
    assert form[name].resolve(value) == value


def test_nothing_chosen_is_nothing_overridden(form: dict[str, Param]) -> None:
    assert read_overrides({name: param.resolve() for name, param in form.items()}) == {}
    assert read_overrides({"profile": "h264-1080p", "overrides": None}) == {}


def test_single_settings_count_more_than_further_ones() -> None:
    params = {
        "overrides": {"video": {"crf": 30, "tune": "film"}, "container": "mp4", "chunk_s": 9},
        "crf": 20,
        "codec": None,
        "max_height": 720,
        "chunk_s": 0,
    }
    overrides = read_overrides(params)
    assert overrides == {"video": {"crf": 20, "tune": "film", "max_height": 720}, "container": "mp4", "chunk_s": 0}
    profile = FOLDER.load("h264-1080p", overrides)
    assert (profile.video.crf, profile.video.max_height, profile.chunk_s) == (20, 720, 0)
