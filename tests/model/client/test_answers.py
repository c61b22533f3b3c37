"""The tables of answers are those of the documentation, all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model.client.answers import CLOSES, ERRORS, Answer, answer_to_close
from model.protocol import ErrorCode
from reference_server.core import limits

SECTION = (
    (Path(__file__).resolve().parents[3] / "docs" / "protocol.md")
    .read_text(encoding="utf-8")
    .partition("## 11. Errors and close codes")[2]
)
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in SECTION.splitlines()
    if re.match(r"\| (`|\d)", line)
]
DOCUMENTED_ERRORS = {row[0].strip("`| "): row for row in ROWS if len(row) == 4}
DOCUMENTED_CLOSES = {int(row[0].strip("| ")): row[1] for row in ROWS if len(row) == 2}

WORDS = {
    Answer.SEND_AGAIN: "sends the same again",
    Answer.RENEW: "gets a new token",
    Answer.AT_ONCE: "come back at once",
    Answer.LATER: "later|new token|not authenticated|no `join`|token has expired",
    Answer.ONCE: "comes back once|broke the protocol",
    Answer.NEW_SITE: "new site",
    Answer.GIVE_UP: "does not come back|asks|offers it|read-only|superseded|not allowed|revoked",
}
"""What the documentation says where the table has an answer."""


def test_every_error_and_every_close_code_has_an_answer_and_a_row_in_the_documentation() -> None:
    assert set(ERRORS) == set(ErrorCode)
    assert set(DOCUMENTED_ERRORS) == {code.value for code in ErrorCode}
    assert set(CLOSES) == set(DOCUMENTED_CLOSES)


@pytest.mark.parametrize("code", ErrorCode)
def test_the_answer_to_an_error_is_the_documented_one(code: ErrorCode) -> None:
    text = DOCUMENTED_ERRORS[code.value][3]
    rule = ERRORS[code]
    assert re.search(WORDS[rule.fatal], text), text
    if rule.warning is not None:
        assert re.search(WORDS[rule.warning], text), text


@pytest.mark.parametrize("code", CLOSES)
def test_the_answer_to_a_close_code_is_the_documented_one(code: int) -> None:
    assert re.search(WORDS[CLOSES[code]], DOCUMENTED_CLOSES[code]), DOCUMENTED_CLOSES[code]


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_is_answered_like_the_close_code_that_follows_it(code: ErrorCode) -> None:
    """4400 covers errors with answers of their own; every other code has the answer of its errors."""
    follows = [int(number) for number in re.findall(r"\d+", DOCUMENTED_ERRORS[code.value][2])]
    assert follows
    for close in follows:
        assert close == 4400 or CLOSES[close] is ERRORS[code].fatal


def test_warnings_are_answered_where_the_documentation_has_an_error_without_a_close() -> None:
    warned = {code for code, rule in ERRORS.items() if rule.warning is not None}
    assert warned == {code for code in ErrorCode if "none" in DOCUMENTED_ERRORS[code.value][2]}


@pytest.mark.parametrize("code", ErrorCode)
def test_the_close_code_after_an_error_is_the_documented_one(code: ErrorCode) -> None:
    assert str(ERRORS[code].close) in DOCUMENTED_ERRORS[code.value][2]


def test_a_connection_that_ends_without_a_documented_code_is_opened_again_later() -> None:
    assert {answer_to_close(code) for code in (1000, 1006, 1011)} == {Answer.LATER}


def test_a_server_closes_with_the_codes_that_are_documented_and_no_others() -> None:
    codes = {code for name, code in vars(limits).items() if name.startswith("CLOSE_")}
    assert codes == set(DOCUMENTED_CLOSES)
