from __future__ import annotations

from encoding_flow.pod_builder import Growth
from encoding_flow.pod_end import EndKind, PodEnd
from encoding_flow.pod_recovery import PodHistory, decide
from encoding_flow.pod_settings import PodSettings

SETTINGS = PodSettings(disruption_limit=2, memory_cap_mib=4096)


def end(kind: EndKind) -> PodEnd:
    return PodEnd(kind=kind, reason="why", exit_status=1)


def test_a_disruption_starts_over_until_the_limit() -> None:
    first = decide(end(EndKind.DISRUPTED), PodHistory(), SETTINGS, 1000)
    assert first.next_history == PodHistory(disruptions=1)
    assert "uses up no attempt" in first.message
    last = decide(end(EndKind.DISRUPTED), PodHistory(disruptions=2), SETTINGS, 1000)
    assert last.next_history is None
    assert not last.is_hopeless
    assert "MAPREEL_POD_DISRUPTION_LIMIT" in last.message


def test_memory_doubles_until_the_cap_and_then_nothing_helps() -> None:
    first = decide(end(EndKind.OUT_OF_MEMORY), PodHistory(disruptions=1), SETTINGS, 2048)
    assert first.next_history == PodHistory(disruptions=1, growth=Growth(memory=1))
    assert "4096 MiB" in first.message
    last = decide(end(EndKind.OUT_OF_MEMORY), PodHistory(), SETTINGS, 4096)
    assert last.next_history is None
    assert last.is_hopeless
    assert "MAPREEL_POD_MEMORY_CAP_MIB" in last.message


def test_scratch_doubles_four_times() -> None:
    history = PodHistory()
    for _ in range(4):
        decision = decide(end(EndKind.OUT_OF_SCRATCH), history, SETTINGS, 1000)
        assert decision.next_history is not None
        history = decision.next_history
    assert history.growth.scratch == 4
    assert decide(end(EndKind.OUT_OF_SCRATCH), history, SETTINGS, 1000).is_hopeless


def test_a_fault_of_the_program_ends_the_try() -> None:
    for kind in (EndKind.EXITED, EndKind.OVERTIME, EndKind.NOT_STARTED):
        assert decide(end(kind), PodHistory(), SETTINGS, 1000).next_history is None


def test_the_history_travels_with_the_trigger() -> None:
    history = PodHistory(disruptions=3, growth=Growth(memory=2, scratch=1))
    assert PodHistory.from_event({"status": "failed", **history.to_trigger_kwargs()}) == history
    assert PodHistory.from_event({"status": "failed"}) == PodHistory()
