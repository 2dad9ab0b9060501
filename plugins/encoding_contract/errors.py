"""Every error that Mapreel raises on purpose, and the exit code that carries it out of a pod.

::

    MapreelError
    ├── BadInput               what was asked for cannot be done: never retried
    │   ├── ProfileError         a profile or an override has a wrong field
    │   ├── SourceGone           the source object is missing, or has other content than the job says
    │   ├── UnreadableSource     the source is no video, is empty, or cannot be decoded at all
    │   ├── DamagedSource        the source has damaged spots and the profile does not tolerate them
    │   ├── BucketRefused        a bucket does not exist, or may not be read or written
    │   └── UnsupportedEncoding  this machine or container cannot do what the profile asks for
    ├── IncompatibleVersion    a document or program of another version: never retried
    └── TransientFault         may well succeed when it is done again: retried
        ├── EncoderFault         ffmpeg failed, or stopped making frames
        ├── ProofFailed          a result does not hold against plan and source
        └── ResultMissing        a result that should stand does not (deleted, or never finished)

A message names what went wrong, which one (job, chunk, frames, object), what was expected against what was
found, and what to do next. It is one line, whatever the names in it.
"""

from __future__ import annotations

from enum import IntEnum

from encoding_contract.lines import one_line


class ExitCode(IntEnum):
    """How a pod's program ends. The numbers follow sysexits.h where it has one."""

    SUCCESS = 0
    BAD_INPUT = 65
    """EX_DATAERR: never retried."""
    TRANSIENT = 75
    """EX_TEMPFAIL: retried."""
    INCOMPATIBLE = 76
    """EX_PROTOCOL: never retried."""

    @property
    def is_retried(self) -> bool:
        """Whether doing it again may help."""
        return self is ExitCode.TRANSIENT


def is_exit_retried(status: int) -> bool:
    """Tell whether a program that ended with this status is worth another try.

    A status that is not ours (a crash, a signal, the kernel's OOM killer) says nothing about the input, so it is.
    """
    return status not in {code.value for code in ExitCode if not code.is_retried}


class MapreelError(Exception):
    """The root; each subclass has one exit code."""

    exit_code = ExitCode.TRANSIENT

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class BadInput(MapreelError):
    """What was asked for cannot be done, however often it is tried."""

    exit_code = ExitCode.BAD_INPUT


class ProfileError(BadInput):
    """A profile or an override has a wrong field."""


class SourceGone(BadInput):
    """The source object is missing, or has other content than the job says."""


class UnreadableSource(BadInput):
    """The source is no video, is empty, or cannot be decoded at all."""


class DamagedSource(BadInput):
    """The source has damaged spots and the profile does not tolerate them."""


class BucketRefused(BadInput):
    """A bucket does not exist, or may not be read or written."""


class UnsupportedEncoding(BadInput):
    """This machine, or the chosen container, cannot do what the profile asks for."""


class IncompatibleVersion(MapreelError):
    """A document or a program of another version."""

    exit_code = ExitCode.INCOMPATIBLE


class TransientFault(MapreelError):
    """May well succeed when it is done again."""


class EncoderFault(TransientFault):
    """ffmpeg failed, or stopped making frames."""


class ProofFailed(TransientFault):
    """A result does not hold against plan and source."""


class ResultMissing(TransientFault):
    """A result that should stand does not."""
