import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from encoding_contract.errors import IncompatibleVersion, MapreelError, ProfileError, SourceGone, TransientFault
from encoding_flow.exits import failing_task, raise_for_exit


def test_success_raises_nothing() -> None:
    raise_for_exit(0, "split")


@pytest.mark.parametrize("status", [65, 76])
def test_bad_input_and_incompatible_versions_fail_for_good(status: int) -> None:
    with pytest.raises(AirflowFailException, match=f"encode of J, chunk 3: exit {status} .*: no such codec$"):
        raise_for_exit(status, "encode of J, chunk 3", "no such codec\n")


@pytest.mark.parametrize("status", [75, 1, -9, 137, -11])
def test_everything_else_is_tried_again(status: int) -> None:
    with pytest.raises(AirflowException, match="encode of J") as caught:
        raise_for_exit(status, "encode of J")
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize("status", [-9, 137])
def test_a_signal_is_named(status: int) -> None:
    with pytest.raises(AirflowException, match="ended by SIGKILL: left no error line"):
        raise_for_exit(status, "merge")


@pytest.mark.parametrize("error", [ProfileError("profile p: crf"), SourceGone("gs://b/n"), IncompatibleVersion("v2")])
def test_errors_of_ours_fail_for_good(error: MapreelError) -> None:
    with pytest.raises(AirflowFailException, match=str(error)), failing_task():
        raise error


def test_a_transient_fault_is_tried_again() -> None:
    with pytest.raises(AirflowException, match="TransientFault: bucket") as caught, failing_task():
        raise TransientFault("bucket did not answer")
    assert not isinstance(caught.value, AirflowFailException)
