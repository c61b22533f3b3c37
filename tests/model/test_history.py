"""The history format: every record survives the file, equal histories are equal files, damage is named."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import typing
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.history import (
    HISTORY_VERSION,
    DocumentCreated,
    Edited,
    Finished,
    Header,
    Online,
    Record,
    chain,
    fingerprint,
)
from model.history_file import HistoryError, HistoryWriter, read_history
from model.identity import DocumentId, SiteId
from model.text import Operation, insert
from simulator.children import group
from tests.model.strategies import any_operation, structs, texts
from tests.numbers import rev, seq

KINDS: tuple[type[msgspec.Struct], ...] = typing.get_args(Record)
SITE, DOCUMENT = SiteId("s1"), DocumentId("d1")
SAMPLE: list[Record] = [
    Header(HISTORY_VERSION, "simulator", "virtual", {"seed": 7, "scenario": "calm"}),
    DocumentCreated(0, DOCUMENT, "né😀", True, True),
    Online(1, SITE, DOCUMENT),
    Edited(2, SITE, DOCUMENT, seq(1), "type", rev(0), Operation(3, [1, "x\n", -1]), 5),
    Finished(9),
]


def write(path: Path, records: Sequence[Record], batch: int = 2) -> str:
    with path.open("wb") as file:
        writer = HistoryWriter(file)
        for start in range(0, len(records), batch):
            writer.write(records[start : start + batch])
        return writer.close()


@pytest.mark.slow
class TestRoundTrip:
    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    @given(data=st.data())
    def test_every_record_type(
        self, kind: type[msgspec.Struct], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.getbasetemp() / f"{kind.__name__}.jsonl.gz"
        records = data.draw(st.lists(structs(kind), min_size=1, max_size=3))
        write(path, records)
        again = list(read_history(path))
        assert again == records
        assert {type(record) for record in again} == {kind}

    def test_a_mixed_history_in_its_order(self, tmp_path: Path) -> None:
        write(tmp_path / "h.jsonl.gz", SAMPLE)
        assert list(read_history(tmp_path / "h.jsonl.gz")) == SAMPLE

    def test_one_line_for_each_record_beginning_with_its_tag(self, tmp_path: Path) -> None:
        write(tmp_path / "h.jsonl.gz", SAMPLE)
        lines = gzip.decompress((tmp_path / "h.jsonl.gz").read_bytes()).splitlines()
        tags = [msgspec.json.decode(line)[0] for line in lines]
        assert tags == [type(record).__struct_config__.tag for record in SAMPLE]

    def test_tags_differ(self) -> None:
        assert len({kind.__struct_config__.tag for kind in KINDS}) == len(KINDS)

    def test_it_is_read_as_a_stream(self, tmp_path: Path) -> None:
        path = tmp_path / "h.jsonl.gz"
        write(path, SAMPLE)
        records = read_history(path)
        assert next(records) == SAMPLE[0]


class TestDigest:
    def test_equal_histories_are_equal_files_and_digests(self, tmp_path: Path) -> None:
        digests = {write(tmp_path / name, SAMPLE) for name in ("one.gz", "two.gz")}
        assert len(digests) == 1
        assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()

    def test_the_digest_is_of_the_records_and_not_of_the_batches(self, tmp_path: Path) -> None:
        digests = {write(tmp_path / f"{batch}.gz", SAMPLE, batch) for batch in (1, 2, 5)}
        assert len(digests) == 1

    def test_another_record_or_order_is_another_digest(self, tmp_path: Path) -> None:
        histories = [SAMPLE, SAMPLE[:-1], [*SAMPLE[:-1], Finished(10)], SAMPLE[::-1], []]
        digests = {write(tmp_path / "h.gz", history) for history in histories}
        assert len(digests) == len(histories)

    @pytest.mark.slow
    @pytest.mark.parametrize("hash_seed", ["1", "2"])
    def test_it_is_the_same_in_another_process(self, tmp_path: Path, hash_seed: str) -> None:
        program = (
            "import sys; from pathlib import Path; from tests.model.test_history import SAMPLE, write;"
            "print(write(Path(sys.argv[1]), SAMPLE))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "other.gz")],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
            process_group=group(),
        )
        assert done.stdout.strip() == write(tmp_path / "own.gz", SAMPLE)
        assert (tmp_path / "other.gz").read_bytes() == (tmp_path / "own.gz").read_bytes()


class TestDamage:
    """A damaged file is an error that names the line; the records before it are still given."""

    def read(self, path: Path) -> tuple[list[Record], str]:
        records: list[Record] = []
        with pytest.raises(HistoryError) as caught:
            records.extend(read_history(path))
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        return records, str(caught.value)

    def test_every_truncation_is_noticed(self, tmp_path: Path) -> None:
        path = tmp_path / "h.jsonl.gz"
        write(path, SAMPLE)
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            _, message = self.read(path)
            assert "line " in message

    def test_a_truncated_file_names_the_line_after_the_last_whole_one(self, tmp_path: Path) -> None:
        path = tmp_path / "h.jsonl.gz"
        lines = msgspec.json.Encoder().encode_lines([["online", i, "s1", "d1"] for i in range(50_000)])
        path.write_bytes(gzip.compress(lines)[:-2_000])
        records, message = self.read(path)
        assert len(records) > 1_000
        assert f"line {len(records) + 1}:" in message

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"{}",
            b"[",
            b"\xff",
            b'["nothing",1]',
            b'["online",1,"s1"]',
            b'["online",true,"s1","d1"]',
            b'["online",1,"s1","\xed\xa0\x80"]',
            b'["edit",2,"s1","d1",1,"type",0,{"length":1,"ops":[2]},5]',
            b'["history",1,"simulator","virtual",{"run":' + b"[" * 100_000,
        ],
        ids=range(10),
    )
    def test_a_line_that_is_no_record_is_named(self, tmp_path: Path, line: bytes) -> None:
        path = tmp_path / "h.jsonl.gz"
        good = b'["online",1,"s1","d1"]\n'
        path.write_bytes(gzip.compress(good + good + line + b"\n" + good))
        with pytest.raises(HistoryError, match="line 3:"):
            list(read_history(path))

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "h.jsonl.gz"
        assert "there is no such file" in self.read(path)[1]
        path.write_bytes(b"not gzip")
        assert "line 1:" in self.read(path)[1]
        path.write_bytes(b"")
        assert "line 1:" in self.read(path)[1]


class TestDigests:
    @given(texts(), texts())
    def test_fingerprints_tell_texts_apart(self, one: str, other: str) -> None:
        assert (fingerprint(one) == fingerprint(other)) == (one == other)

    @given(st.text())
    def test_a_fingerprint_is_a_positive_integer_of_63_bits(self, text: str) -> None:
        assert 0 < fingerprint(text) < 2**63

    def test_a_digest_of_zero_is_not_a_fingerprint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # 0 stands for "something is pending" in the records, so no text may have it.
        class Zero:
            def __init__(self, data: bytes, digest_size: int) -> None:
                self.size = digest_size

            def digest(self) -> bytes:
                return bytes(self.size)

        monkeypatch.setattr("model.history.hashlib.blake2b", Zero)
        assert fingerprint("x") == 1

    def test_a_chain_depends_on_every_field(self) -> None:
        op = insert(3, 1, "x")
        links = [
            chain("", rev(1), SITE, seq(1), op),
            chain("0", rev(1), SITE, seq(1), op),
            chain("", rev(2), SITE, seq(1), op),
            chain("", rev(1), SiteId("s2"), seq(1), op),
            chain("", rev(1), SITE, seq(2), op),
            chain("", rev(1), SITE, seq(1), insert(4, 1, "x")),
            chain("", rev(1), SITE, seq(1), insert(3, 1, "y")),
        ]
        assert len(set(links)) == len(links)
        assert links[0] == chain("", rev(1), SITE, seq(1), Operation(3, [1, "x"]))

    @pytest.mark.slow
    @given(st.lists(any_operation(), min_size=2, max_size=4, unique=True))
    def test_a_chain_depends_on_the_order(self, operations: list[Operation]) -> None:
        def digest(log: list[Operation]) -> str:
            link = ""
            for revision, op in enumerate(log, 1):
                link = chain(link, rev(revision), SITE, seq(revision), op)
            return link

        assert digest(operations) != digest(operations[::-1])
