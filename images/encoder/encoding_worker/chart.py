"""Draws a film's bits and quality over time, with its chunks' borders: an SVG without scripts and without names."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from encoding_contract.report import Report

_PARTS = 240
"""Stretches of time that the film's bits are counted in; more would not be told apart on a screen."""
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MOST_LABELS = 9
_SVG = "{http://www.w3.org/2000/svg}"


class BitFlow:
    """Counts a track's bytes over time.

    Args:
        times: the PTS of its frames, in ticks, in order.
    """

    def __init__(self, times: Sequence[int]) -> None:
        self._first = times[0]
        typical = times[-1] - times[-2] if len(times) > 1 else 1
        self._span = times[-1] - times[0] + typical
        self._bytes = [0] * max(1, min(_PARTS, len(times) // 4))

    def take(self, pts: int, size_bytes: int) -> None:
        """Count a packet."""
        self._bytes[(pts - self._first) * len(self._bytes) // self._span] += size_bytes

    def mbit_per_s(self, duration_s: float) -> list[tuple[float, float]]:
        """Return points of time in seconds, and Mbit/s around each."""
        part_s = max(duration_s, 0.001) / len(self._bytes)
        return [((at + 0.5) * part_s, count * 8 / part_s / 1e6) for at, count in enumerate(self._bytes)]


def draw_chart(report: Report, flow: BitFlow) -> bytes:
    """Return the drawing of a film's first video track, as SVG."""
    # Imported only here: the other verbs never draw.
    from pygal import XY
    from pygal.style import Style

    duration_s = report.duration_us / 1_000_000
    bits = flow.mbit_per_s(duration_s)
    bits = [(0.0, bits[0][1]), *bits, (duration_s, bits[-1][1])]
    scores = _worst_of_each_part(report, duration_s)
    top = _round_up(max(value for _, value in bits))
    lowest = min((score for _, score in scores), default=100.0)
    # Four equal steps on both axes, so that the lines fit both.
    floor = next(floor for floor in (80, 60, 40, 20, 0) if lowest >= floor)
    chart = XY(
        width=1000,
        height=340,
        style=Style(
            background="#ffffff",
            plot_background="#ffffff",
            foreground="#444444",
            foreground_strong="#222222",
            foreground_subtle="#bbbbbb",
            colors=("#9aa5b1", "#2f6db5", "#c0392b"),
            font_family="sans-serif",
            opacity=".3",
            label_font_size=12,
            major_label_font_size=12,
            legend_font_size=13,
            guide_stroke_color="#dddddd",
            major_guide_stroke_color="#dddddd",
        ),
        js=[],
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        allow_interruptions=True,
        margin=16,
        xrange=(0, duration_s),
        range=(0, top),
        y_labels=[top * step / 4 for step in range(5)],
        secondary_range=(floor, 100),
        x_labels=_time_labels(duration_s),
        x_value_formatter=_clock,
        value_formatter=lambda value: f"{value:g}",
        no_data_text="",
    )
    borders: list[tuple[float, float] | tuple[None, None]] = []
    for chunk in report.chunks:
        if chunk.track == 0 and chunk.start_s > 0:
            borders += [(chunk.start_s, 0.0), (chunk.start_s, top), (None, None)]
    if borders:
        chart.add("chunk borders", borders, show_dots=False, stroke_style={"width": 0.8, "dasharray": "2, 3"})
    else:
        chart.add("one chunk", [(0.0, 0.0)], show_dots=False)
    chart.add("Mbit/s", bits, show_dots=False, fill=True)
    if scores:
        chart.add("quality of samples (VMAF)", scores, secondary=True, stroke=len(scores) > 1, dots_size=3)
    return _without_scripts(chart.render())


def _worst_of_each_part(report: Report, duration_s: float) -> list[tuple[float, float]]:
    """Return points of time in seconds, and the lowest score around each: a long film has thousands of samples."""
    worst: dict[int, tuple[float, float]] = {}
    for sample in (sample for chunk in report.chunks if chunk.track == 0 for sample in chunk.samples):
        point = (sample.start_us / 1_000_000, sample.score)
        part = int(point[0] * _PARTS / max(duration_s, 0.001))
        worst[part] = min(worst.get(part, point), point, key=lambda one: one[1])
    return sorted(worst.values())


def _without_scripts(svg: bytes) -> bytes:
    """Return a drawing that does nothing but show itself: pygal's configuration for its tooltips is a script."""
    ElementTree.register_namespace("", _SVG.strip("{}"))
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}script", f"{_SVG}desc"):
                parent.remove(child)
        if parent.get("class") == "axis x":
            # pygal draws the first and the last label's line in black, where one would take it for a border.
            for line in parent.iter(f"{_SVG}path"):
                line.set("class", "guide line")
    drawing: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return drawing


def _round_up(value: float) -> float:
    """Return the next number that divides well by four."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** (len(str(int(value))) - 1 if value >= 1 else -1 if value >= 0.1 else -2)
    return next(step * scale for step in (0.4, 0.8, 1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12) if step * scale >= value)


def _time_labels(duration_s: float) -> list[float]:
    step = next((step for step in _STEPS_S if duration_s / step <= _MOST_LABELS), duration_s)
    labels = [0.0]
    while step > 0 and labels[-1] + step <= duration_s:
        labels.append(round(labels[-1] + step, 3))
    return labels


def _clock(seconds: float) -> str:
    whole = int(seconds)
    if seconds != whole:
        return f"{seconds:.1f} s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
