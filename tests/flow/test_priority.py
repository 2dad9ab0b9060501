from types import SimpleNamespace
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow

from encoding_flow.priority import task_instance_mutation_hook  # isort: skip


def weigh(conf: dict[str, Any] | None, dag_id: str = "encode_video", times: int = 1) -> int:
    instance = SimpleNamespace(dag_id=dag_id, priority_weight=4)
    for _ in range(times):
        task_instance_mutation_hook(instance, SimpleNamespace(conf=conf))  # type: ignore[arg-type]
    return int(instance.priority_weight)


def test_a_higher_priority_outweighs_every_task_of_a_lower_one() -> None:
    assert weigh({"priority": 3}) > weigh({"priority": 2}) > 1000 > weigh({"priority": 1}) == 4


def test_calling_it_again_changes_nothing() -> None:
    assert weigh({"priority": 7}, times=5) == weigh({"priority": 7})


@pytest.mark.parametrize("conf", [None, {}, {"priority": None}, {"priority": "9"}])
def test_without_a_number_the_weight_stays(conf: dict[str, Any] | None) -> None:
    assert weigh(conf) == 4


def test_other_dags_are_left_alone() -> None:
    assert weigh({"priority": 9}, dag_id="scan_videos") == 4
