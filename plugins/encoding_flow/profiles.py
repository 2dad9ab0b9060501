"""The profiles of a folder: one YAML file each, its name without the ending being the profile's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encoding_contract.errors import ProfileError
from encoding_contract.profile import Profile, parse_profile

_ENDING = ".yaml"


class ProfileFolder:
    """A folder of profiles. Every call reads it anew, so that a new file needs no restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list_names(self) -> list[str]:
        """Return the names of all profiles; none is opened, as this runs whenever a DAG file is parsed."""
        return sorted(path.stem for path in self._folder.glob(f"*{_ENDING}"))

    def describe(self) -> dict[str, str]:
        """Return each profile's description; empty where it has none, or is no YAML: ``load`` says what is wrong.

        For forms only. It opens every file whenever a DAG file is parsed, so only the line that counts is read.
        """
        described = {}
        for name in self.list_names():
            try:
                with (self._folder / f"{name}{_ENDING}").open(encoding="utf-8") as lines:
                    line = next((line for line in lines if line.startswith("description:")), "")
                fields = yaml.safe_load(line)
            except (OSError, UnicodeDecodeError, yaml.YAMLError):
                fields = None
            text = fields.get("description") if isinstance(fields, dict) else None
            described[name] = text if isinstance(text, str) else ""
        return described

    def load(self, name: str, overrides: Mapping[str, Any] | None = None) -> Profile:
        """Read and check one profile, with single fields replaced.

        Raises:
            ProfileError: there is none of that name (the message lists those there are), or a field is wrong.
        """
        known = self.list_names()
        if name not in known:
            raise ProfileError(f"profile {name!r}: is not in {self._folder}; known: {', '.join(known) or 'none'}")
        try:
            fields = yaml.safe_load((self._folder / f"{name}{_ENDING}").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise ProfileError(f"profile {name}: {self._folder / name}{_ENDING} is no YAML file: {reason}") from error
        return parse_profile(name, fields, overrides)
