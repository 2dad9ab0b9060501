from pathlib import Path

import pytest

from encoding_contract.errors import ProfileError
from encoding_flow.profiles import ProfileFolder

SHIPPED = Path(__file__).parents[2] / "dags" / "profiles"


@pytest.fixture
def folder(tmp_path: Path) -> ProfileFolder:
    (tmp_path / "small.yaml").write_text("video: {codec: libx264, crf: 30}\nchunk_s: 60\n", encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("video: {codec: [\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no profile", encoding="utf-8")
    return ProfileFolder(tmp_path)


@pytest.mark.parametrize("name", ProfileFolder(SHIPPED).list_names())
def test_each_shipped_profile_holds(name: str) -> None:
    assert ProfileFolder(SHIPPED).load(name).name == name


def test_the_promised_profiles_are_shipped() -> None:
    promised = {"h264-1080p", "h265-1080p", "av1-1080p", "vp9-720p-webm", "whole-file"}
    assert promised <= set(ProfileFolder(SHIPPED).list_names())


def test_overrides_replace_single_fields(folder: ProfileFolder) -> None:
    profile = folder.load("small", {"video": {"crf": 20}})
    assert (profile.video.crf, profile.video.codec, profile.chunk_s) == (20, "libx264", 60)


def test_an_unknown_name_lists_the_known_ones(folder: ProfileFolder) -> None:
    with pytest.raises(ProfileError, match=r"'smal'.*known: broken, small$"):
        folder.load("smal")


def test_a_name_cannot_leave_the_folder(folder: ProfileFolder) -> None:
    with pytest.raises(ProfileError, match="known: broken, small"):
        folder.load("../small")


def test_a_wrong_field_is_named(folder: ProfileFolder) -> None:
    with pytest.raises(ProfileError, match=r"profile small: video\.crf: "):
        folder.load("small", {"video": {"crf": 99}})


def test_what_is_no_yaml_is_named_in_one_line(folder: ProfileFolder) -> None:
    with pytest.raises(ProfileError, match=r"broken\.yaml is no YAML file") as caught:
        folder.load("broken")
    assert "\n" not in str(caught.value)
