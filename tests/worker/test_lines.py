"""What the worker logs is one line for each record, and a traceback never passes for one."""

import logging

import pytest

from encoding_worker.cli import LineFormatter


@pytest.fixture
def formatter() -> LineFormatter:
    return LineFormatter("%(levelname)s %(message)s")


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    info = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("mapreel", logging.INFO, "", 0, message, (), info)


def test_a_name_forges_no_line(formatter: LineFormatter) -> None:
    assert formatter.format(record("gs://films/a\nINFO job 1f: published")) == (
        r"INFO gs://films/a\nINFO job 1f: published"
    )


def test_a_name_in_a_traceback_forges_no_line(formatter: LineFormatter) -> None:
    lines = formatter.format(record("failed", ValueError("a\nINFO job 1f: published\n\x1b[2K"))).splitlines()
    assert lines[0] == "INFO failed"
    assert all(line.startswith("    ") for line in lines[1:])
    assert "\x1b" not in "".join(lines)
