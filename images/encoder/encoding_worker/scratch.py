"""The scratch folder of one run: below TMPDIR, gone at its end however it ends.

A process that is killed with -9 removes nothing. So each one holds a lock on its folder, which the kernel lets go with
the process, and whoever comes next removes what nobody holds.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from encoding_contract.errors import TransientFault

logger = logging.getLogger(__name__)

# Long enough that no folder of somebody else's begins with it: what does is removed.
PREFIX = "mapreel-scratch-"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder that is removed afterwards, with all that is in it.

    Raises:
        ScratchFull: what was done in it failed for want of room on its disk, whatever it took that for.
    """
    remove_abandoned()
    folder, lock = _make_held()
    _open.add(folder)
    try:
        yield Path(folder)
    except Exception as error:
        if _is_for_want_of_room(error):
            raise ScratchFull(_describe(error, folder)) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _open.discard(folder)
        os.close(lock)


class ScratchFull(TransientFault):
    """There was no more room for scratch."""


def _is_for_want_of_room(error: BaseException | None) -> bool:
    # ffmpeg's errors are known by what they say, ours by what they come from.
    while error is not None:
        if getattr(error, "errno", None) in _NO_ROOM or any(os.strerror(number) in str(error) for number in _NO_ROOM):
            return True
        error = error.__cause__ or error.__context__
    return False


def _describe(error: Exception, folder: str) -> str:
    size_mib = shutil.disk_usage(folder).total / (1 << 20)
    return (
        f"the disk of the scratch folder {folder} is full ({size_mib:.1f} MiB in all); it is tried again, but it wants "
        f"a larger one: TMPDIR, or a pod's ephemeral storage; {error}"
    )


_open: set[str] = set()


def remove_scratch() -> None:
    """Remove what is open now: for a process that ends without unwinding."""
    for folder in list(_open):
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        lock = _hold(folder)
        if lock is not None:
            logger.info("%s was left by a process that was killed; it is removed", folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _make_held() -> tuple[str, int]:
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX)
        lock = _hold(Path(folder))
        # Between the two lines another process may have taken it for abandoned.
        if lock is not None and os.path.isdir(folder):
            return folder, lock
        if lock is not None:
            os.close(lock)


def _hold(folder: Path) -> int | None:
    """Return a lock on a folder, or ``None`` where another process has it, or it is gone or not ours."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
