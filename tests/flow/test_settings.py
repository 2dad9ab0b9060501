import pytest

from encoding_contract.errors import BadInput
from encoding_flow.settings import Runtime, load_bucket_settings, load_flow_settings

PLACES = {"MAPREEL_INPUT": "gs://films/in", "MAPREEL_OUTPUT": "gs://films/out/", "MAPREEL_WORK": "gs://scratch"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNTIME", "INPUT", "OUTPUT", "WORK", "SCAN_MINUTES", "SCAN_CRON", "PARALLELISM", "PROFILES"):
        monkeypatch.delenv(f"MAPREEL_{name}", raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_places_are_read_and_prefixes_end_with_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, PLACES)
    places = load_bucket_settings()
    assert (places.input.bucket, places.input.prefix) == ("films", "in/")
    assert (places.output.bucket, places.output.prefix) == ("films", "out/")
    assert (places.work.bucket, places.work.prefix) == ("scratch", "")


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {name: value for name, value in PLACES.items() if name != "MAPREEL_OUTPUT"})
    with pytest.raises(BadInput, match=r"^MAPREEL_OUTPUT: is not set; set it in the environment"):
        load_bucket_settings()


@pytest.mark.parametrize("value", ["films", "s3://films", "gs://", "gs://Not A Bucket"])
def test_a_wrong_address_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    set_all(monkeypatch, {**PLACES, "MAPREEL_INPUT": value})
    with pytest.raises(BadInput, match=r"^MAPREEL_INPUT: "):
        load_bucket_settings()


@pytest.mark.parametrize(
    "variables",
    [
        {"MAPREEL_INPUT": "gs://films", "MAPREEL_OUTPUT": "gs://films"},
        {"MAPREEL_INPUT": "gs://films", "MAPREEL_OUTPUT": "gs://films/out"},
        # Outputs keep the source's whole name, so they would lie below in/ again.
        {"MAPREEL_INPUT": "gs://films/in", "MAPREEL_OUTPUT": "gs://films"},
    ],
)
def test_outputs_that_would_be_scanned_are_refused(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    set_all(monkeypatch, {**PLACES, **variables})
    with pytest.raises(BadInput, match=r"MAPREEL_OUTPUT: outputs would lie at gs://films/.*taken for new videos"):
        load_bucket_settings()


@pytest.mark.parametrize("work", ["gs://films", "gs://scratch/below"])
def test_the_work_bucket_is_one_of_its_own(monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    set_all(monkeypatch, {**PLACES, "MAPREEL_WORK": work})
    with pytest.raises(BadInput, match="MAPREEL_WORK"):
        load_bucket_settings()


def test_everything_else_has_a_default_and_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPREEL_RUNTIME", "")
    assert load_flow_settings().runtime is Runtime.LOCAL


@pytest.mark.parametrize(("minutes", "cron"), [("5", "*/5 * * * *"), ("120", "0 */2 * * *"), ("1440", "0 0 * * *")])
def test_scans_keep_to_the_clock(monkeypatch: pytest.MonkeyPatch, minutes: str, cron: str) -> None:
    monkeypatch.setenv("MAPREEL_SCAN_MINUTES", minutes)
    assert load_flow_settings().scan_schedule == cron


@pytest.mark.parametrize("minutes", ["0", "61", "300", "2880"])
def test_an_interval_of_scans_that_fits_no_day_is_refused(monkeypatch: pytest.MonkeyPatch, minutes: str) -> None:
    monkeypatch.setenv("MAPREEL_SCAN_MINUTES", minutes)
    with pytest.raises(BadInput, match="MAPREEL_SCAN_MINUTES"):
        load_flow_settings()


def test_scans_come_when_a_cron_expression_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPREEL_SCAN_CRON", "0 20 * * 1-5")
    assert load_flow_settings().scan_schedule == "0 20 * * 1-5"


@pytest.mark.parametrize("cron", ["at eight", "0 25 * * *", "0 20 * *", "0 0 31 2 *"])
def test_a_time_that_never_comes_is_refused(monkeypatch: pytest.MonkeyPatch, cron: str) -> None:
    monkeypatch.setenv("MAPREEL_SCAN_CRON", cron)
    with pytest.raises(BadInput, match=r"^MAPREEL_SCAN_CRON: must be a cron expression"):
        load_flow_settings()


def test_a_wrong_number_is_named_with_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPREEL_SCAN_MINUTES", "often")
    with pytest.raises(BadInput, match=r"^MAPREEL_SCAN_MINUTES: .*'often'"):
        load_flow_settings()
