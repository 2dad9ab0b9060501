"""Several ways of doing one thing, measured in turn, so that a busy moment of the machine hits all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.meter import Cost


@dataclass
class Rounds:
    """What each way took, round by round."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def add(self, way: str, cost: Cost) -> None:
        """Note a round of one way."""
        self.costs.setdefault(way, []).append(cost)

    def wall_s(self, way: str) -> float:
        """Return the median of a way's seconds."""
        return median(cost.wall_s for cost in self.costs[way])

    def cpu_s(self, way: str) -> float:
        """Return the median of a way's CPU seconds."""
        return median(cost.cpu_s for cost in self.costs[way])

    def emulator_cpu_s(self, way: str) -> float:
        """Return the median of the CPU seconds that the buckets' emulator took for a way."""
        return median(cost.emulator_cpu_s for cost in self.costs[way])

    def ratio(self, way: str, other: str) -> float:
        """Return how many times as long a way takes as another: the median over the rounds."""
        pairs = zip(self.costs[way], self.costs[other], strict=True)
        return median(cost.wall_s / beside.wall_s for cost, beside in pairs)

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """All measurements."""
        return tuple(
            {
                "way": way,
                "round": number,
                "wall_s": round(cost.wall_s, 3),
                "cpu_s": round(cost.cpu_s, 3),
                "emulator_cpu_s": round(cost.emulator_cpu_s, 3),
            }
            for way, costs in self.costs.items()
            for number, cost in enumerate(costs)
        )
