"""Small films of every awkward kind, made by the wheel's ffmpeg.

The upper half of each frame shows the frame's number as bits, so that a wrong, doubled or shifted frame is told by
what it shows. The sound is silent but for a short tone at each full second: a shifted sound is told by what is heard.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

WIDTH, HEIGHT = 160, 96
BITS = 10
_LOW, _HIGH = 40, 210
MASTER_FRAMES = 200

SOUND = "aevalsrc='if(lt(mod(t,1),0.1),0.5*sin(2*PI*1000*t),0)':s=48000:d={seconds}"
CLOSED_GOP = "keyint=25:min-keyint=25:scenecut=0"
HDR = (
    "hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400:"
    "keyint=25:min-keyint=25:log-level=error"
)
BT709 = "colorspace=bt709:color_primaries=bt709:color_trc=bt709"
TITLE = "A film\rof \u2028two lines = \\"
"""A backslash before a line's end would hide that end from ffmpeg."""
CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=2500
[CHAPTER]
TIMEBASE=1/1000
START=2500
END=6000
title=Ende; #2
"""
SUBTITLES = "1\n00:00:00,500 --> 00:00:01,500\nGuten Tag\n\n2\n00:00:03,000 --> 00:00:05,250\nAuf Wiedersehen\n"


def run_ffmpeg(*arguments: str) -> None:
    """Run the wheel's ffmpeg; a failure is the test's."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def write_master(path: Path) -> Path:
    """Write the numbered frames as raw pictures (yuv420p)."""
    slope = bytes(abs(x * 3 % 300 - 150) + 40 for x in range(WIDTH * 4))
    with path.open("wb") as file:
        for number in range(MASTER_FRAMES):
            row = b"".join(bytes([_HIGH if number >> bit & 1 else _LOW]) * (WIDTH // BITS) for bit in range(BITS))
            at = number * 2 % WIDTH
            file.write(row * (HEIGHT // 2) + slope[at : at + WIDTH] * (HEIGHT // 2))
            file.write(bytes([90 + number % 64]) * (WIDTH * HEIGHT // 4) + bytes([150]) * (WIDTH * HEIGHT // 4))
    return path


@dataclass(frozen=True)
class Recipe:
    """How a film is made out of the master."""

    name: str
    video: Sequence[str]
    audio: Sequence[str] = ("-c:a", "aac", "-b:a", "96k")
    """Nothing for a film without sound."""
    rate: str = "25"
    frames: int = 150
    sounds: int = 1
    """How often the sound is taken, if there is any."""


H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "14", "-pix_fmt", "yuv420p", "-threads", "1")

RECIPES = [
    Recipe("plain.mp4", (*H264, "-x264-params", CLOSED_GOP)),
    Recipe("open gop.mp4", (*H264, "-bf", "3", "-x264-params", f"{CLOSED_GOP}:open-gop=1:b-pyramid=normal")),
    Recipe(
        "late start.ts",
        ("-c:v", "mpeg2video", "-g", "15", "-bf", "2", "-q:v", "2", "-output_ts_offset", "93000"),
        ("-c:a", "mp2", "-b:a", "128k"),
    ),
    Recipe(
        "wrapping clock.ts",
        (*H264, "-x264-params", CLOSED_GOP, "-output_ts_offset", "95440"),
        ("-c:a", "mp2", "-b:a", "128k"),
    ),
    Recipe(
        "variable rate.mp4",
        (*H264, "-vf", "select='not(eq(mod(n\\,7)\\,3))*not(between(n\\,60\\,80))'", "-fps_mode", "vfr", "-g", "20"),
    ),
    Recipe("lossless sound.mkv", (*H264, "-g", "25"), ("-c:a", "alac")),
    Recipe("low sound.mkv", (*H264, "-g", "25"), ("-c:a", "libmp3lame", "-ar", "11025")),
    Recipe("raw.mov", ("-c:v", "rawvideo", "-pix_fmt", "uyvy422"), ("-c:a", "pcm_s16le")),
    Recipe("photos.mov", ("-c:v", "tiff"), ("-c:a", "pcm_s16le")),  # each with EXIF
    Recipe(
        "slow end.mkv",
        (*H264, "-vf", "select='lt(n\\,10)+not(mod(n\\,12))',setpts=PTS+1", "-fps_mode", "vfr", "-g", "20"),
    ),
    Recipe(
        "interlaced.mkv",
        (*H264, "-vf", "setfield=tff", "-flags", "+ilme+ildct", "-x264-params", f"tff=1:{CLOSED_GOP}"),
        rate="30000/1001",
    ),
    Recipe("anamorphic.mkv", (*H264, "-vf", "setsar=16/11", "-x264-params", CLOSED_GOP), ("-c:a", "libopus")),
    Recipe(
        "coloured.mp4",
        (
            *(*H264, "-x264-params", CLOSED_GOP, "-vf", f"setparams=range=tv:{BT709}"),
            *("-color_trc", "bt709", "-color_primaries", "bt709", "-colorspace", "bt709", "-color_range", "tv"),
        ),
    ),
    Recipe(
        "odd size.webm",
        (
            *("-vf", "scale=161:97", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "20"),
            *("-b:v", "0", "-g", "30"),
        ),
        ("-c:a", "libopus", "-b:a", "64k"),
    ),
    Recipe(
        "hdr10.mkv",
        (
            *(
                "-vf",
                "format=yuv420p10le,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084",
            ),
            *("-c:v", "libx265", "-preset", "ultrafast", "-crf", "14", "-x265-params", HDR),
            *("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv"),
        ),
        frames=125,
    ),
    Recipe("silent.mp4", (*H264, "-x264-params", CLOSED_GOP), ()),
    Recipe("single frame.mp4", (*H264,), (), frames=1),
    Recipe("one keyframe.mkv", (*H264, "-x264-params", "keyint=infinite:scenecut=0"), frames=125),
]

PARTS = [
    Recipe("screen.mkv", ("-vf", "scale=1280:720,format=bgr0", "-c:v", "ffv1"), (), frames=10),
    Recipe("uncompressed.nut", ("-pix_fmt", "yuv420p", "-c:v", "rawvideo"), (), frames=60),
    # Both count from the same time; the second shows what follows the first.
    Recipe("first half.ts", (*H264, "-x264-params", CLOSED_GOP), ("-c:a", "mp2"), frames=75),
    Recipe(
        "second half.ts",
        (*H264, "-vf", "select='gte(n,75)',setpts=PTS-STARTPTS", "-x264-params", CLOSED_GOP),
        ("-c:a", "mp2"),
        frames=75,
    ),
    Recipe(
        "other shape.ts",
        (
            *H264,
            "-vf",
            "select='gte(n,75)',scale=128:96,setpts=PTS-STARTPTS",
            "-x264-params",
            CLOSED_GOP,
            "-output_ts_offset",
            "3.08",
        ),
        (),
        frames=75,
    ),
]
"""Films of tests of their own."""


class FilmShelf:
    """Makes each film when it is first asked for, and keeps it for the session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._recipes = {recipe.name: recipe for recipe in (*RECIPES, *PARTS)}
        self._special = {
            "rotated.mp4": self._rotate,
            "mirrored.mp4": self._mirror,
            "many tracks.mkv": self._gather_tracks,
            "one behind another.ts": self._put_behind,
            "two sizes.ts": self._change_size,
        }

    def __getitem__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            if name in self._special:
                self._special[name](path)
            else:
                self.make(self._recipes[name], path)
        return path

    @property
    def spoilt(self) -> Path:
        """The plain film with some bytes of its middle overwritten."""
        path = self.folder / "spoilt.mp4"
        content = bytearray(self["plain.mp4"].read_bytes())
        middle = len(content) // 2
        content[middle : middle + 1500] = bytes(at * 7919 % 256 for at in range(1500))
        path.write_bytes(content)
        return path

    def make(self, recipe: Recipe, path: Path) -> Path:
        """Make a film by a recipe."""
        master = self.folder / "master.yuv"
        if not master.exists():
            write_master(master)
        raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", recipe.rate)
        top, _, bottom = recipe.rate.partition("/")
        seconds = recipe.frames * int(bottom or 1) / int(top)
        sound = ("-f", "lavfi", "-i", SOUND.format(seconds=f"{seconds:.3f}")) if recipe.audio else ()
        run_ffmpeg(
            *(*raw, "-i", str(master), *sound, "-map", "0:v", *(("-map", "1:a") * recipe.sounds if sound else ())),
            *(*recipe.video, *recipe.audio, "-frames:v", str(recipe.frames), f"file:{path}"),
        )
        return path

    def _rotate(self, path: Path) -> None:
        run_ffmpeg("-display_rotation", "90", "-i", str(self["plain.mp4"]), "-c", "copy", "-map", "0", str(path))

    def _mirror(self, path: Path) -> None:
        turn = ("-display_rotation", "-90", "-display_hflip")
        run_ffmpeg(*turn, "-i", str(self["plain.mp4"]), "-c", "copy", "-map", "0", str(path))

    def _put_behind(self, path: Path) -> None:
        first, second = self["first half.ts"], self["second half.ts"]
        path.write_bytes(first.read_bytes() + second.read_bytes())

    def _change_size(self, path: Path) -> None:
        first, second = self["first half.ts"], self["other shape.ts"]
        path.write_bytes(first.read_bytes() + second.read_bytes())

    def _gather_tracks(self, path: Path) -> None:
        film, chapters, lines = self["plain.mp4"], self.folder / "chapters.txt", self.folder / "lines.srt"
        font = self.folder / "font.ttf"
        chapters.write_text(CHAPTERS)
        lines.write_text(SUBTITLES)
        font.write_bytes(b"\0\1\0\0 no real font, but bytes that must arrive " * 20)
        inputs = ("-i", str(film), "-i", str(lines), "-i", str(lines), "-i", str(chapters))
        maps = ("-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1", "-map", "2", "-map_metadata", "3")
        run_ffmpeg(
            *(*inputs, *maps, "-map_chapters", "3", "-c", "copy", "-c:a:1", "flac", "-ac:a:1", "1", "-c:s:0", "ass"),
            *("-c:s:1", "srt", "-attach", str(font), "-metadata:s:t:0", "mimetype=application/x-truetype-font"),
            *("-metadata:s:a:0", "language=deu", "-metadata:s:a:0", "title=Übertragung: Ton\\"),
            *("-metadata", f"title={TITLE}", "-metadata:c:0", 'title=[Begin] = "first"\\'),
            *("-metadata:s:a:1", "language=eng", "-metadata:s:s:0", "language=deu", "-metadata:s:s:1", "language=fra"),
            *("-disposition:a:0", "0", "-disposition:a:1", "default+comment", "-disposition:s:1", "forced"),
            str(path),
        )
