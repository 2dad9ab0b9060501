"""The fields of the trigger forms that choose how videos are encoded, with the limits that the contract states.

A value of a wrong type or beyond its limits is refused by Airflow before a run starts (400). What only shows when
fields are put together (a crf too high for the codec) is refused by ``prepare_job`` at once, with the field named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param
from pydantic import BaseModel

from encoding_contract.profile import Profile, VideoSettings
from encoding_flow.profiles import ProfileFolder

_SINGLE = "Single settings, instead of the profile's"

_VIDEO_FIELDS = ("codec", "crf", "preset", "max_height")
_PROFILE_FIELDS = ("chunk_s",)

# Made on import: every task parses its DAG anew, in a process whose parent has imported this.
_SCHEMAS: dict[type[BaseModel], dict[str, Any]] = {
    model: model.model_json_schema() for model in (Profile, VideoSettings)
}


def form_field(default: object, **schema: Any) -> Param:
    """Return a field of a form.

    Every task's process checks the fields twice, and each time the schema first: that of draft 7 is checked four times
    as fast as that of the draft which is taken where none is named, and says the same about what stands here.
    """
    return Param(default, **{"$schema": "http://json-schema.org/draft-07/schema#", **schema})


def profile_params(profiles: ProfileFolder, default: str) -> dict[str, Param]:
    """Return the fields: the profile, single settings, and ``overrides`` for all others.

    Args:
        profiles: the folder, read whenever a DAG file is parsed.
        default: the profile that is chosen where nobody chooses.
    """
    described = {default: "", **profiles.describe()}
    return {
        "profile": form_field(
            default,
            type="string",
            enum=sorted(described),
            values_display={name: f"{name}: {text}" if text else name for name, text in described.items()},
            title="Profile",
            description="How it shall be encoded: a file of dags/profiles",
        ),
        "codec": _single(
            VideoSettings, "codec", "Video codec", "libx264 plays everywhere; libx265 and libsvtav1 need fewer bits"
        ),
        "crf": _single(
            VideoSettings,
            "crf",
            "Quality (crf)",
            "Constant rate factor: lower is better and bigger; 6 less about doubles the size. At most 51 for x264, "
            "x265 and their nvenc kin. Takes the place of a profile's bit rate",
        ),
        "preset": _single(
            VideoSettings,
            "preset",
            "Preset",
            "The encoder's own: slower ones need fewer bits. ultrafast to veryslow (x264, x265), 0 to 13 (libsvtav1), "
            "good or best (VP9), p1 to p7 (nvenc)",
            examples=["ultrafast", "veryfast", "fast", "medium", "slow", "veryslow", "4", "8", "12", "good", "p5"],
        ),
        "max_height": _single(
            VideoSettings,
            "max_height",
            "Most lines",
            "In pixels: a larger picture is scaled down, in proportion; by its shorter side, if it stands upright",
        ),
        "chunk_s": _single(
            Profile, "chunk_s", "Chunk length", "In seconds: what one task encodes; 0 encodes the film whole"
        ),
        "overrides": form_field(
            None,
            type=["object", "null"],
            title="Further settings",
            description='Any field of a profile: {"audio": {"codec": "copy"}, "video": {"tune": "grain"}}. A single '
            "setting above counts more",
            section=_SINGLE,
        ),
    }


def read_overrides(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what replaces fields of the profile: ``overrides``, and the single settings over it.

    Args:
        params: the run's.
    """
    overrides = dict(params.get("overrides") or {})
    video = {name: params[name] for name in _VIDEO_FIELDS if params.get(name) is not None}
    below = overrides.get("video")
    if video:
        # What is no mapping is left to the profile's own check, which names it.
        overrides["video"] = {**below, **video} if isinstance(below, Mapping) else video
    return overrides | {name: params[name] for name in _PROFILE_FIELDS if params.get(name) is not None}


def _single(model: type[BaseModel], name: str, title: str, description: str, **more: Any) -> Param:
    """Return a field that may be left empty, with type and limits of a field of the contract."""
    schema = _SCHEMAS[model]
    field = schema["properties"][name]
    field = next((kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"), field)
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].rpartition("/")[2]]
    limits = {key: field[key] for key in ("minimum", "maximum", "pattern") if key in field}
    if "enum" in field:
        limits["enum"] = [*field["enum"], None]
    if "minimum" in limits:
        description += f" ({limits['minimum']:g} to {limits['maximum']:g})"
    return form_field(
        None,
        type=[field["type"], "null"],
        title=title,
        description=f"{description}. Empty: the profile's",
        section=_SINGLE,
        **limits,
        **more,
    )
