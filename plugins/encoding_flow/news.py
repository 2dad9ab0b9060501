"""What somebody is told of a video's run, and whom: pure, no Airflow and no network.

``MAPREEL_NOTIFY`` names the targets: ``webhook:CONNECTION`` and ``smtp:ADDRESS``, separated by commas.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self
from urllib.parse import quote

from pydantic import Field

from encoding_contract.errors import BadInput
from encoding_contract.model import Document


class Event(StrEnum):
    """What happened."""

    SUCCESS = "success"
    FAILURE = "failure"
    LATE = "late"
    """The run is under way for longer than its deadline allows."""


class Channel(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    """A POST of JSON to the address of an Airflow connection; Slack, Mattermost and Teams take its ``text``."""
    SMTP = "smtp"
    """A mail through Airflow's connection ``smtp_default``."""


class Target(Document):
    """Whom to tell."""

    channel: Channel
    name: str = Field(min_length=1)
    """The connection's id, or the mail address."""


class News(Document):
    """What is told; a webhook gets it as JSON, with ``text`` besides."""

    event: Event
    video: str
    """The source's address."""
    run_id: str
    link: str = ""
    """To the failing task's log, or to the run."""
    profile: str = ""
    output: str = ""
    task: str = ""
    chunk: int | None = None
    error: str = ""
    """The failing task's last line."""

    @property
    def subject(self) -> str:
        """One line."""
        words = {Event.SUCCESS: "encoded", Event.FAILURE: "FAILED", Event.LATE: "is late"}
        return f"Mapreel: {self.video} {words[self.event]}"

    @property
    def text(self) -> str:
        """All of it, for people."""
        failing = self.task if self.chunk is None else f"{self.task}, chunk {self.chunk}"
        lines = {"Output": self.output, "Profile": self.profile, "Task": failing, "Error": self.error}
        lines |= {"Run": self.run_id, "See": self.link}
        return "\n".join([self.subject, *(f"{name}: {value}" for name, value in lines.items() if value)])

    def to_payload(self) -> dict[str, object]:
        """Return what a webhook gets."""
        return {"text": self.text, **self.model_dump(mode="json")}


class Targets(Document):
    """All whom to tell."""

    all: tuple[Target, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``MAPREEL_NOTIFY``.

        Raises:
            BadInput: names what is no target.
        """
        targets = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            channel, _, name = part.partition(":")
            if channel not in set(Channel) or not name.strip():
                raise BadInput(f"MAPREEL_NOTIFY: expected webhook:CONNECTION or smtp:ADDRESS, found {part!r}")
            targets.append(Target(channel=Channel(channel), name=name.strip()))
        return cls(all=tuple(targets))


def run_link(base_url: str, dag_id: str, run_id: str, task: str = "", map_index: int = -1) -> str:
    """Return the address of a run, or of a task's log, in Airflow's UI; empty where Airflow's own is not known."""
    if not base_url:
        return ""
    link = f"{base_url.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    if task:
        link += f"/tasks/{quote(task, safe='')}"
        link += f"/mapped/{map_index}" if map_index >= 0 else ""
    return link
