"""A file into the input bucket, and an output onto this machine; both are whole, or are not there."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from encoding_contract.endings import is_video_name
from encoding_contract.errors import BadInput
from encoding_contract.job import Content, ObjectAddress
from encoding_contract.objects import report_name
from encoding_worker.store import Store, content_of


def upload(store: Store, path: Path, address: ObjectAddress) -> tuple[Content, bool]:
    """Upload a film, unless the very same content stands; return its content, and whether anything was sent.

    Raises:
        BadInput: it cannot be read, is empty, or has a name that no scan takes for a video's.
    """
    if not is_video_name(address.name):
        raise BadInput(f"{path}: {address.name!r} does not end as a video's name does; give it one with --name")
    try:
        content = content_of(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); name a film that this program can read") from error
    if content.size_bytes == 0:
        raise BadInput(f"{path}: is empty (0 bytes); name a whole film")
    standing = store.stat(address)
    if standing is not None and standing[0] == content:
        return content, False
    return store.upload(path, address), True


def download(store: Store, output: ObjectAddress, target: Path) -> tuple[Path, Content]:
    """Download an output, and its report beside it, each held against its checksum; return the output's path.

    Args:
        store: the buckets.
        output: where the output lies.
        target: a folder, or the file that it shall be.

    Raises:
        BadInput: there is no such output, or the folder cannot be written.
    """
    found = store.stat(output)
    if found is None:
        raise BadInput(f"{output.url}: there is no such output")
    path = target / Path(output.name).name if target.is_dir() else target
    report = output.model_copy(update={"name": report_name(output.name)})
    try:
        # Beside the target, so that the last step is one that cannot stop half way.
        with TemporaryDirectory(prefix=".mapreel-", dir=path.parent) as folder:
            part = Path(folder) / "output"
            store.download(output, part, found[0])
            if (reported := store.read(report)) is not None:
                (Path(folder) / "report").write_bytes(reported)
                (Path(folder) / "report").replace(report_name(str(path)))
            part.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); name another place with --to") from error
    return path, found[0]
