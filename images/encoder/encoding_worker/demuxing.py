"""Opens media for reading packets, with what hostile media may ask for switched off."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import av
from av.container import InputContainer

from encoding_contract.errors import UnreadableSource
from encoding_worker.hanging import hang_watch
from encoding_worker.limits import Limits

# Containers that hold media. Left out on purpose: playlists and scripts (hls, dash, concat, ffmetadata, image2 ...),
# which make ffmpeg open other files and addresses, one that looks for files beside its own (mlv), and text that is
# drawn as video (tty).
ALLOWED_FORMATS = (
    "3dostr,4xm,aac,ac3,aiff,amr,apng,asf,asf_o,au,av1,avi,avs,bink,caf,cavsvideo,dirac,dnxhd,dts,dv,eac3,ea,film_cpk,"
    "flac,flic,flv,gif,gxf,h261,h263,h264,hevc,idcin,iff,ingenient,ipmovie,ivf,ivr,kux,live_flv,lmlm4,lvf,m4v,"
    "matroska,webm,mjpeg,mm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,mpegtsraw,mpegvideo,mtv,mv,mvi,mxf,nsv,nut,nuv,"
    "obu,ogg,r3d,rawvideo,rm,roq,rpl,sdx,sga,smjpeg,smk,smush,swf,thp,tmv,truehd,ty,vc1,vc1test,vivo,vmd,vqf,vvc,"
    "wav,wc3movie,wsvqa,wtv,xmv,yuv4mpegpipe"
)
SOURCE_PROTOCOLS = "http,tcp"
FILE_PROTOCOLS = "file,pipe"
NO_PROTOCOLS = "none"
"""For an open file: whatever it refers to, nothing else is opened."""


def input_options(url: str) -> dict[str, str]:
    """Return the options of ffmpeg's program that keep media from opening anything but itself.

    And from more memory than a large picture takes: a decoder that meets one asks for none.
    """
    protocols = SOURCE_PROTOCOLS if url.startswith("http://127.0.0.1:") else FILE_PROTOCOLS
    return {**_whitelists(protocols), "max_pixels": str(Limits.load().pixels)}


def as_arguments(options: Mapping[str, str]) -> list[str]:
    """Return options as ffmpeg's program takes them."""
    return [part for key, value in options.items() for part in (f"-{key}", value)]


def _whitelists(protocols: str) -> dict[str, str]:
    return {"format_whitelist": ALLOWED_FORMATS, "protocol_whitelist": protocols}


@contextmanager
def open_media(media: str | io.RawIOBase, name: str) -> Iterator[InputContainer]:
    """Open media for reading packets in this process.

    Args:
        media: ``file:PATH``, or an open file.
        name: what to call it in messages.

    Raises:
        UnreadableSource: no demuxer takes it.
    """
    try:
        options = _whitelists(FILE_PROTOCOLS if isinstance(media, str) else NO_PROTOCOLS)
        with hang_watch.over(name):
            container: InputContainer = av.open(media, "r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableSource(
            f"{name}: is no video that ffmpeg can read ({reason}); remove it, or upload it again"
        ) from error
    try:
        yield container
    finally:
        container.close()
