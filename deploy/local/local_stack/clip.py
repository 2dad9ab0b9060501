"""A film for the demo, made on the spot, so that the first run needs no download."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg

from local_stack.errors import DemoFailed

CLIP_S = 60
# Far below a profile's own, so that several chunks of a short film are seen at work.
CLIP_CHUNK_S = 10.0
CLIP_NAME = "mapreel demo.mp4"
# Counting time, moving edges and flat areas; a tone that beeps each second shows whether sound and picture agree.
_PICTURE = f"testsrc2=size=640x360:rate=25:duration={CLIP_S}"
_SOUND = f"sine=frequency=440:beep_factor=4:sample_rate=48000:duration={CLIP_S}"


def make_clip(folder: Path) -> Path:
    """Make a clip of one minute with sound, unless it stands already; return its path.

    Raises:
        DemoFailed: ffmpeg failed.
    """
    clip = folder / CLIP_NAME
    if clip.exists():
        return clip
    part = clip.with_name("part-" + clip.name)
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"),
        *("-f", "lavfi", "-i", _PICTURE, "-f", "lavfi", "-i", _SOUND),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-g", "50"),
        *("-c:a", "aac", "-b:a", "96k", "-metadata", "title=Mapreel demo", str(part)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"ffmpeg could not make the demo's clip: {done.stderr.strip()[-500:]}")
    part.replace(clip)
    return clip
