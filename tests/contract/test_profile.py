"""A profile is checked when it is loaded, and the message names the field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from encoding_contract.errors import ExitCode, ProfileError
from encoding_contract.profile import VideoCodec, parse_profile

SHIPPED = sorted((Path(__file__).parents[2] / "dags" / "profiles").glob("*.yaml"))
GOOD: dict[str, Any] = {"video": {"codec": "libx264", "crf": 23}}


def test_the_five_promised_profiles_are_there() -> None:
    promised = {"h264-1080p", "h265-1080p", "av1-1080p", "vp9-720p-webm", "whole-file"}
    assert promised <= {path.stem for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_profile_loads(path: Path) -> None:
    profile = parse_profile(path.stem, yaml.safe_load(path.read_text()))
    assert profile.name == path.stem
    assert profile.description
    assert (profile.chunk_s == 0) == (path.stem == "whole-file")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"video": {"codec": "libx263", "crf": 23}}, r"video\.codec: .*'libx264'.*libx263"),
        ({"video": {"crf": 23, "quality": 3}}, r"video\.quality: "),
        ({**GOOD, "containr": "mp4"}, r"containr: "),
        ({**GOOD, "container": "avi"}, r"container: .*avi"),
        ({**GOOD, "container": "webm"}, r"container: webm cannot hold libx264"),
        (
            {"video": {"codec": "libvpx-vp9", "crf": 30}, "container": "webm"},
            r"container: webm cannot hold aac audio; take libopus or none",
        ),
        ({"video": {"crf": 23, "bitrate_kbps": 3000}}, r"video: needs either crf or bitrate_kbps, and not both"),
        ({"video": {}}, r"video: needs either crf or bitrate_kbps"),
        ({}, r"video: "),
        ({"video": {"crf": 52}}, r"video: crf of libx264 is 0 to 51, not 52"),
        ({"video": {"crf": -1}}, r"video\.crf: .*-1"),
        ({"video": {"crf": "fine"}}, r"video\.crf: .*fine"),
        ({"video": {"crf": float("nan")}}, r"video\.crf: "),
        ({"video": {"bitrate_kbps": 1}}, r"video\.bitrate_kbps: "),
        ({"video": {"crf": 23, "preset": "medium -y"}}, r"video\.preset: "),
        ({"video": {"crf": 23, "max_height": 0}}, r"video\.max_height: "),
        ({"video": {"crf": 23, "pixel_format": "yuv420p,drawtext=x"}}, r"video\.pixel_format: "),
        ({"video": {"crf": 23, "options": {"-y": "1"}}}, r"video: options: '-y' is no name"),
        (
            {"video": {"crf": 23, "options": {"vf": "movie=/etc/passwd"}}},
            r"video: options: 'vf' is set by Mapreel itself",
        ),
        ({"video": {"crf": 23, "options": {"ss": 5}}}, r"video: options: 'ss' is set by Mapreel itself"),
        ({**GOOD, "audio": {"codec": "mp3"}}, r"audio\.codec: .*mp3"),
        ({**GOOD, "audio": {"codec": "copy", "bitrate_kbps": 128}}, r"audio: bitrate_kbps does not go with codec copy"),
        ({**GOOD, "chunk_s": -1}, r"chunk_s: .*-1"),
        ({**GOOD, "chunk_s": "long"}, r"chunk_s: .*long"),
        ({**GOOD, "damaged": "ignore"}, r"damaged: .*ignore"),
        ([], r"must be a mapping of fields, found list"),
        (None, r"must be a mapping of fields, found NoneType"),
        ("libx264", r"must be a mapping of fields, found str"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named_with_its_profile(fields: object, message: str) -> None:
    with pytest.raises(ProfileError, match=rf"^profile mine: {message}") as caught:
        parse_profile("mine", fields)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert "\n" not in str(caught.value)


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"^profile \.\./mine: name: "):
        parse_profile("../mine", GOOD)


def test_an_override_replaces_a_single_field() -> None:
    fields = {"video": {"crf": 23, "preset": "slow"}, "audio": {"bitrate_kbps": 96}}
    profile = parse_profile("mine", fields, {"video": {"crf": 20}, "chunk_s": 20})
    assert (profile.video.crf, profile.video.preset, profile.audio.bitrate_kbps, profile.chunk_s) == (
        20,
        "slow",
        96,
        20,
    )


@pytest.mark.parametrize(
    ("fields", "override", "kept"),
    [
        ({"crf": 23}, {"bitrate_kbps": 900}, (None, 900)),
        ({"bitrate_kbps": 900}, {"crf": 20}, (20, None)),
    ],
)
def test_one_kind_of_quality_replaces_the_other(
    fields: dict[str, Any], override: dict[str, Any], kept: tuple[float | None, int | None]
) -> None:
    profile = parse_profile("mine", {"video": fields}, {"video": override})
    assert (profile.video.crf, profile.video.bitrate_kbps) == kept


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"video": {"codec": "theora"}}, r"video\.codec: .*theora"),
        ({"vidoe": {"crf": 20}}, r"vidoe: "),
        ({"video": {"crf": 20, "bitrate_kbps": 900}}, r"video: needs either crf or bitrate_kbps, and not both"),
        ({"video": 20}, r"video: .*20"),
        ({"container": "webm"}, r"container: webm cannot hold libx264"),
    ],
    ids=str,
)
def test_a_wrong_override_is_named(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError, match=rf"^profile mine: {message}"):
        parse_profile("mine", GOOD, overrides)


def test_overrides_leave_the_profile_as_it_is() -> None:
    fields = {"video": {"crf": 23, "options": {"g": 50}}}
    parse_profile("mine", fields, {"video": {"crf": 20, "options": {"bf": 2}}})
    assert fields == {"video": {"crf": 23, "options": {"g": 50}}}


@pytest.mark.parametrize("codec", VideoCodec)
def test_every_codec_can_be_named(codec: VideoCodec) -> None:
    profile = parse_profile("mine", {"video": {"codec": codec.value, "crf": codec.crf_limit}})
    assert profile.video.codec is codec
