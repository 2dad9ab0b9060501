"""A pipe from a program into the store: what it writes is uploaded meanwhile, and needs no place on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from encoding_contract.job import Content, ObjectAddress
from encoding_worker.store import STREAM_BYTES, Store


class StorePipe:
    """One object that a program writes to ``write_end``; whoever starts the program hands that on to it."""

    def __init__(self, store: Store, address: ObjectAddress, content_type: str) -> None:
        self._read_end, self.write_end = os.pipe()
        self._is_whole = False
        uploader = ThreadPoolExecutor(1)
        self._uploaded = uploader.submit(self._upload, store, address, content_type)
        uploader.shutdown(wait=False)

    @property
    def url(self) -> str:
        """Where ffmpeg writes to."""
        return f"pipe:{self.write_end}"

    def finish(self) -> Content:
        """Wait for the rest to be uploaded, after the program has ended well.

        Raises:
            TransientFault: the object could not be put.
        """
        self._is_whole = True
        self.close()
        return self._uploaded.result()

    def give_up(self) -> None:
        """Leave no object, after the program has failed.

        Raises:
            TransientFault: the upload failed before, which is then why the program failed.
        """
        self.close()
        with suppress(_Torn):
            self._uploaded.result()

    def close(self) -> None:
        """Let the upload come to its end: the program has closed its own copy, so this is the last one."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def _upload(self, store: Store, address: ObjectAddress, content_type: str) -> Content:
        try:
            return store.upload_blocks(self._blocks(), address, content_type)
        finally:
            os.close(self._read_end)  # where the upload has failed, a program that still writes ends with SIGPIPE

    def _blocks(self) -> Iterator[bytes]:
        while block := os.read(self._read_end, STREAM_BYTES):
            yield block
        if not self._is_whole:
            raise _Torn


class _Torn(Exception):
    """The program has ended before its work was done."""
