"""Which ends are worth another try, and that each error has an exit code that says so."""

import pytest

from encoding_contract import errors
from encoding_contract.errors import BadInput, ExitCode, MapreelError, TransientFault, is_exit_retried

ALL = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, MapreelError)]


def test_the_exit_codes_stay_what_they_are() -> None:
    # Airflow's side and images of other versions rely on them.
    assert {code.name: code.value for code in ExitCode} == {
        "SUCCESS": 0,
        "BAD_INPUT": 65,
        "TRANSIENT": 75,
        "INCOMPATIBLE": 76,
    }


@pytest.mark.parametrize("error", ALL)
def test_each_error_ends_in_the_code_of_its_kind(error: type[MapreelError]) -> None:
    assert error.exit_code is not ExitCode.SUCCESS
    assert issubclass(error, BadInput) == (error.exit_code is ExitCode.BAD_INPUT)
    if issubclass(error, TransientFault):
        assert error.exit_code.is_retried


@pytest.mark.parametrize(
    ("status", "is_retried"),
    [(0, False), (65, False), (76, False), (75, True), (1, True), (2, True), (137, True), (-9, True), (255, True)],
)
def test_whatever_is_no_verdict_on_the_input_is_tried_again(status: int, is_retried: bool) -> None:
    assert is_exit_retried(status) is is_retried
