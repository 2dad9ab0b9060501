"""Transparent films: encoded by the codec that holds alpha, where the profile's own would drop it.

Of the encoders that a profile may name only libvpx-vp9 has alpha, and of the containers Matroska and WebM carry it.
"""

from __future__ import annotations

from encoding_contract.plan import VideoTrack
from encoding_contract.profile import AlphaPolicy, Container, Profile, VideoCodec, VideoSettings


def choose_settings(profile: Profile, track: VideoTrack) -> VideoSettings:
    """Return how a track is encoded: the profile's settings, or those of VP9 at about the same quality for alpha."""
    settings = profile.video
    if not is_replaced(profile, track):
        return settings
    crf = None if settings.crf is None else round(settings.crf * VideoCodec.VP9.crf_limit / settings.codec.crf_limit)
    return VideoSettings(
        codec=VideoCodec.VP9,
        crf=crf,
        bitrate_kbps=settings.bitrate_kbps,
        max_height=settings.max_height,
        options={"cpu-used": "3", "row-mt": "1"},
    )


def is_replaced(profile: Profile, track: VideoTrack) -> bool:
    """Tell whether a track is encoded by another codec than the profile's, for its alpha."""
    return (
        track.has_alpha
        and profile.alpha is AlphaPolicy.KEEP
        and profile.container is not Container.MP4
        and profile.video.codec is not VideoCodec.VP9
    )


def is_alpha_kept(profile: Profile, track: VideoTrack) -> bool:
    """Tell whether a transparent track stays transparent."""
    settings = choose_settings(profile, track)
    is_deep = settings.pixel_format is None or settings.pixel_format.startswith("yuva")
    return settings.codec is VideoCodec.VP9 and profile.container is not Container.MP4 and is_deep
