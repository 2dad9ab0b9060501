import pytest

from encoding_contract.errors import BadInput
from encoding_flow.parallelism import Parallelism


@pytest.mark.parametrize(
    ("spec", "nodes", "slots"),
    [
        ("constant: 16", 3, 16),
        ("constant:1", 3, 1),
        ("coefficient: 2", 3, 6),
        ("coefficient: 0.5", 3, 1),
        ("coefficient: 0.1", 3, 1),
        ("coefficient: 2", 0, 1),
    ],
)
def test_slots(spec: str, nodes: int, slots: int) -> None:
    assert Parallelism.parse(spec).count_slots(nodes) == slots


@pytest.mark.parametrize(
    "spec", ["", "16", "constant: 0", "constant: 1.5", "coefficient: 0", "coefficient: -1", "both: 1"]
)
def test_what_is_neither_is_refused(spec: str) -> None:
    with pytest.raises(BadInput, match="MAPREEL_PARALLELISM: expected 'constant: 16' or 'coefficient: 2'"):
        Parallelism.parse(spec)
