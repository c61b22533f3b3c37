"""What the documents say is true: examples decode, and tables name what exists."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from model.checkers.catalogue import CHECKERS
from model.history import Record, fingerprint
from model.phases import RULES, ConnectionLost, ConnectionOpened, Phase, Trigger
from model.protocol import (
    BLIP_EDITS_MAX,
    BLIP_REVISIONS_MAX,
    BRANCH_CHUNK_OPERATIONS_MAX,
    LIMITS,
    NATURAL_MAX,
    PROTOCOL_VERSION,
    ClientMessage,
    ErrorCode,
    ServerMessage,
    decode_client,
    decode_server,
    encode,
    operation_from_plain,
)
from model.text import Operation, apply, compose, transform_pair
from reference_server.core import limits as server_limits
from reference_server.core import states as server_states
from reference_server.core.effects import Appended, Authenticated, Authorized
from reference_server.core.limits import Limits
from reference_server.core.states import State
from tests.conftest import ROOT

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def examples(kind: str) -> list[str]:
    """The lines of all JSON blocks of a kind."""
    blocks = re.findall(rf"^```json {kind}\n(.*?)^```$", PROTOCOL, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def tables() -> Iterator[list[list[str]]]:
    """The cells of every table, its first two lines left out."""
    for table in re.findall(r"(?:^\|.*\n)+", PROTOCOL, re.MULTILINE):
        yield [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()[2:]]


def table_with(first_cell: str) -> dict[str, list[str]]:
    """The table that has a row beginning with this cell: first cells to the others."""
    (rows,) = [rows for rows in tables() if any(row[0] == first_cell for row in rows)]
    return {row[0].strip("`"): row[1:] for row in rows}


def operation(plain: object) -> Operation:
    built = operation_from_plain(Operation, plain)
    assert isinstance(built, Operation)
    return built


def test_every_json_block_is_of_a_known_kind() -> None:
    kinds = re.findall(r"^```json ?(.*)$", PROTOCOL, re.MULTILINE)
    assert set(kinds) == {"client", "server", "apply", "compose", "transform"}


@pytest.mark.parametrize("line", examples("client"))
def test_an_example_of_a_client_message_decodes(line: str) -> None:
    message = decode_client(line.encode())
    assert json.loads(line).items() <= json.loads(encode(message)).items()


@pytest.mark.parametrize("line", examples("server"))
def test_an_example_of_a_server_message_decodes(line: str) -> None:
    message = decode_server(line.encode())
    assert json.loads(line).items() <= json.loads(encode(message)).items()


@pytest.mark.parametrize(
    ("kind", "union"), [("client", ClientMessage), ("server", ServerMessage)], ids=["client", "server"]
)
def test_every_message_has_an_example(kind: str, union: object) -> None:
    tags = sorted(member.__struct_config__.tag for member in union.__args__)  # type: ignore[attr-defined]
    assert sorted({json.loads(line)["type"] for line in examples(kind)}) == tags


@pytest.mark.parametrize("line", examples("apply"))
def test_an_example_of_applying(line: str) -> None:
    example = json.loads(line)
    assert apply(example["text"], operation(example["operation"])) == example["result"]


@pytest.mark.parametrize("line", examples("compose"))
def test_an_example_of_composing(line: str) -> None:
    example = json.loads(line)
    assert compose(operation(example["a"]), operation(example["b"])) == operation(example["result"])


@pytest.mark.parametrize("line", examples("transform"))
def test_an_example_of_transforming(line: str) -> None:
    example = json.loads(line)
    a, b = operation(example["a"]), operation(example["b"])
    a_after_b, b_after_a = transform_pair(a, b, a_first=example["a_first"])
    assert (a_after_b, b_after_a) == (operation(example["a_after_b"]), operation(example["b_after_a"]))
    for first, second in ((a, b_after_a), (b, a_after_b)):
        assert apply(apply(example["text"], first), second) == example["result"]


def test_the_table_of_the_clients_phases() -> None:
    server = {member.__struct_config__.tag: member for member in get_args(ServerMessage)}
    names: dict[Trigger, str] = {kind: tag for tag, kind in server.items()}
    names |= {ConnectionOpened: "the connection is open", ConnectionLost: "the connection is gone"}
    (rows,) = [rows for rows in tables() if rows[0][0] == "offline"]
    described: set[tuple[str, str, str]] = set()
    for cell, event, _, after in rows:
        for phase in [p.value for p in Phase] if cell == "any" else [cell]:
            what = [tag for tag in re.findall("`(.+?)`", event) if tag in server] or [event]
            described |= {(phase, name, phase if after == "as before" else after) for name in what}
    assert described == {
        (phase.value, names[trigger], after.value)
        for phase, accepted in RULES.items()
        for trigger, phases in accepted.items()
        for after in phases
    }


def test_the_table_of_the_states_of_a_connection() -> None:
    client = {member.__struct_config__.tag: member for member in get_args(ClientMessage)}
    decisions = {
        "authenticating": Authenticated,
        "authorizing": Authorized,
        "joining": Appended,
        "handing in": Appended,
    }
    (rows,) = [rows for rows in tables() if rows[0][0] == "greeting"]
    assert rows.pop() == ["any", "anything else", "`out_of_order`", "closed"]
    described: set[tuple[str, type, str]] = set()
    for states, what, _, after in rows:
        for state in states.split(", "):
            kinds = [client[tag] for tag in re.findall("`(.+?)`", what)] or [decisions[state]]
            names = [state] if after == "as before" else re.split(", or ", after)
            described |= {(state, kind, name) for kind in kinds for name in names}
    silent = {
        (state.value, kind, state.value) for state in State for kind in (Authenticated, Authorized, Appended)
    }
    ruled = {
        (state.value, trigger, after.value)
        for state, accepted in server_states.RULES.items()
        for trigger, states_after in accepted.items()
        for after in states_after
    }
    assert described == ruled - silent


def test_the_table_of_limits() -> None:
    assert {name: int(row[0]) for name, row in table_with("`message_bytes_max`").items()} == LIMITS


def test_the_table_of_errors() -> None:
    table = table_with("`malformed`")
    assert list(table) == [code.value for code in ErrorCode]
    closes = {code: row[1] for code, row in table.items()}
    assert closes.pop("unauthenticated") == str(server_limits.CLOSE_UNAUTHENTICATED)
    assert closes.pop("token_expired") == f"none, then {server_limits.CLOSE_TOKEN_EXPIRED}"
    assert closes.pop("token_revoked") == str(server_limits.CLOSE_TOKEN_REVOKED)
    assert closes.pop("forbidden") == str(server_limits.CLOSE_FORBIDDEN)
    assert closes.pop("superseded") == str(server_limits.CLOSE_SUPERSEDED)
    assert closes.pop("unavailable") == str(server_limits.CLOSE_TRY_AGAIN)
    assert closes.pop("busy") == f"none, or {server_limits.CLOSE_TRY_AGAIN}"
    assert set(closes.values()) == {str(server_limits.CLOSE_PROTOCOL_ERROR)}


def test_the_table_of_close_codes() -> None:
    codes = [value for name, value in vars(server_limits).items() if name.startswith("CLOSE_")]
    assert [int(code) for code in table_with("4400")] == sorted(codes)


def test_numbers_in_the_text() -> None:
    assert f"Version {PROTOCOL_VERSION}." in PROTOCOL
    assert NATURAL_MAX == 2**53 - 1
    assert "from 0 to 2⁵³ − 1" in PROTOCOL
    assert (
        f"at most {BLIP_EDITS_MAX} edits to merge and at most {BLIP_REVISIONS_MAX} revisions missed"
        in PROTOCOL
    )
    assert f"parts of at most {BRANCH_CHUNK_OPERATIONS_MAX} operations" in PROTOCOL
    assert f"sent `join` {Limits().hello_timeout_us // 1_000_000} seconds after" in PROTOCOL


def test_every_term_of_the_glossary_is_defined_once() -> None:
    terms = re.findall(r"\*\*([^*]+)\*\*", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    assert len(terms) > 100
    counted = Counter(term.rstrip(".").casefold() for term in terms)
    assert [term for term, times in counted.items() if times > 1] == []


def test_links_within_the_document_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", PROTOCOL, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]*)\)", PROTOCOL)
    assert links
    assert set(links) <= anchors
    for file in re.findall(r"\]\(([^)#]+)\)", PROTOCOL):
        assert (ROOT / "docs" / file).exists(), file


# --- histories --------------------------------------------------------------------------------------------

HISTORY = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", cell)


def test_every_record_is_documented_with_its_fields_in_their_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`time_us`|`version`)(.*?) \| .+ \|$", HISTORY, re.MULTILINE)
    documented = {kind: [*code_in(first), *code_in(rest)] for kind, first, rest in rows}
    optional = {kind: len(re.findall(r"\[`", rest)) for kind, _, rest in rows}
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(Record)}
    assert documented == {tag: list(kind.__struct_fields__) for tag, kind in kinds.items()}
    assert optional == {tag: len(kind.__struct_defaults__) for tag, kind in kinds.items()}


def test_what_each_check_needs_is_what_it_looks_at() -> None:
    section = HISTORY[HISTORY.index("## What each check needs") : HISTORY.index("## Records")]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    assert list(rows) == [check.name for check in CHECKERS]
    tags = {kind: kind.__struct_config__.tag for kind in get_args(Record)}
    for check in CHECKERS:
        wanted = {tags[kind] for kind in check().handlers()}
        if check.name != "strong_list":  # as the one before
            assert set(code_in(rows[check.name])) & set(tags.values()) == wanted, check.name


def test_the_documented_fingerprint_is_that_of_the_project() -> None:
    (program,) = re.findall(r"^```python fingerprint\n(.*?)^```$", HISTORY, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    assert all(names["fingerprint"](text) == fingerprint(text) for text in ("", "ab", "é😀x"))
