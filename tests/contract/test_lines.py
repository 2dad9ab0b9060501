"""No name of a stranger breaks a line, hides a part of it, or forges another one."""

from hypothesis import given
from hypothesis import strategies as st

from encoding_contract.errors import BadInput
from encoding_contract.job import ObjectAddress
from encoding_contract.lines import one_line

FORGED = "a\n2026-01-01 00:00:00 INFO job 1f: published\r\x1b[2K\x85\u2028\u202emoc.live"


@given(st.text())
def test_whatever_the_text_it_is_one_line_that_a_terminal_takes(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in line)
    assert line.encode().decode() == line


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"))))
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert one_line(name) == name.strip()


def test_a_family_of_emoji_stays_whole() -> None:
    assert one_line("👨‍👩‍👧.mp4") == "👨‍👩‍👧.mp4"


def test_every_error_of_ours_is_one_line() -> None:
    address = ObjectAddress(bucket="films", name=FORGED)
    error = str(BadInput(f"{address.url}: is empty"))
    assert (
        error == r"gs://films/a\n2026-01-01 00:00:00 INFO job 1f: published\r\x1b[2K\x85\u2028\u202emoc.live: is empty"
    )
    assert address.shown == error.removesuffix(": is empty")


def test_the_address_itself_is_not_changed() -> None:
    assert ObjectAddress(bucket="films", name=FORGED).url == f"gs://films/{FORGED}"
