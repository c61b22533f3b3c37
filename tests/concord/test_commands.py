"""The command line as a person or a pipeline meets it: exit codes, one clear line, files."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from concord.folders import TAG
from concord.options import JobChoice, ScenarioChoice
from concord.program import COMMANDS
from model.result import load
from model.verdict import ExitCode
from simulator.children import group
from simulator.failures.case import load_case, save_case
from simulator.failures.shrink import Budget
from tests.conftest import ROOT
from tests.terminal import Terminal, beside_progress, refused, terminal

__all__ = ["terminal"]  # a fixture

SMALL = ("--clients", "40", "--documents", "4", "--duration", "8s")
RESULTS = ("result.json", "measures.json", "report.html", "junit.xml", "summary.md")


# --- help -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_program_runs_by_its_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "concord", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(command in done.stdout for command in COMMANDS)
    assert "64 wrong usage" in " ".join(done.stdout.split())


# --- bad input --------------------------------------------------------------------------------------------


def test_an_unknown_key_of_a_scenario_is_named_with_its_line(terminal: Terminal, tmp_path: Path) -> None:
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(
        "name: mine\ndescription: mine\nclients: 10\ndocuments: 2\ncells: 1\nduration: 10s\n"
        "network:\n  keep_alife: 4s\n"
    )
    line = refused(terminal("simulate", str(scenario), "--out", str(tmp_path / "out")))
    assert line.startswith(f"{scenario}:8: network.keep_alife: ")
    assert "keep_alive" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--clients", "-5"), "clients"),
        (("--clients", "0"), "clients"),
        (("--clients", "many"), "--clients"),
        (("--documents", "11", "--clients", "10"), "documents"),
        (("--duration", "8 parsecs"), "duration"),
        (("--duration", "-8s"), "duration"),
        (("--seed", "-1"), "--seed"),
        (("--jobs", "-1"), "--jobs"),
        (("--workload", "ballet"), "workload.kind"),
        (("--workload", "trace:absent.json.gz"), "absent.json.gz"),
        (("--inject", "no-such-bug"), "no-such-bug"),
        (("--set", "network.keep_alive"), "KEY=VALUE"),
        (("--set", "network.keep_alife=8s"), "keep_alife"),
        (("--set", "clients=017"), "clients: must be a whole number from 1 to 1000000, not 017, which YAML"),
        (("--set", "cells=2", "--set", "cells=3"), "--set cells=3: cells is set twice"),
        (("--clients", "20", "--set", "clients=30"), "--set clients: is set by an option of its own too"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out"
    assert said in refused(terminal("simulate", "calm", *arguments, "--out", str(out)))
    assert not out.exists()


def test_an_unknown_scenario_is_named(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = refused(terminal("simulate", "clam", "--out", str(out)))
    assert line == "unknown scenario 'clam'; did you mean calm?"
    assert not out.exists()


def test_an_unknown_command_is_named(terminal: Terminal) -> None:
    assert "dance" in refused(terminal("dance"))


@pytest.mark.parametrize("seeds", ["5", "5:5", "7:5", "a:b", "-1:3"])
def test_a_wrong_range_of_seeds_is_named(terminal: Terminal, tmp_path: Path, seeds: str) -> None:
    out = tmp_path / "out"
    assert seeds in refused(terminal("campaign", "calm", f"--seeds={seeds}", "--out", str(out)))
    assert not out.exists()


@pytest.mark.parametrize("command", ["replay", "explain", "shrink"])
def test_a_truncated_failure_is_named(terminal: Terminal, tmp_path: Path, command: str) -> None:
    failure = tmp_path / "failure.json"
    failure.write_text('{"check": "convergence", "message": "c1 and c2 sh')
    assert refused(terminal(command, str(failure))).startswith(f"{failure}: not a failure file: ")
    assert refused(terminal(command, str(tmp_path / "absent.json"))).endswith("No such file or directory")
    assert list(tmp_path.iterdir()) == [failure]


def recording(folder: Path, *patches: list[object], end: str) -> Path:
    path = folder / "mine.json.gz"
    trace = {"startContent": "ab", "endContent": end, "txns": [{"patches": [patch]} for patch in patches]}
    path.write_bytes(gzip.compress(json.dumps(trace).encode()))
    return path


@pytest.mark.parametrize("arguments", [(), ("--engine", "eg-walker"), ("--engine", "all"), ("--json",)])
@pytest.mark.parametrize("end", ["ab", "another"])
def test_a_recording_of_nothing_is_unknown(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], end: str
) -> None:
    for patches in ([], [[1, 0, ""]]):
        done = terminal("trace", str(recording(tmp_path, *patches, end=end)), *arguments)
        assert done.code == ExitCode.UNKNOWN
        assert "valid" not in done.out.split()
        assert "violated" not in done.out


@pytest.mark.parametrize("arguments", [(), ("--engine", "all"), ("--json",)])
def test_positions_of_other_units_are_never_a_violation(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Both are read without a mistake; only one leads to the recorded text."""
    path = tmp_path / "mine.json"
    patches = [[0, 0, "😀xyz"], [2, 0, "!"]]
    for end, units, other in (("😀x!yz", "code-points", "utf-16"), ("😀!xyz", "utf-16", "code-points")):
        path.write_text(json.dumps({"endContent": end, "txns": [{"patches": patches}]}))
        line = refused(terminal("trace", str(path), "--units", other, *arguments))
        assert line == f"{path}: its positions do not count {other}; with --units {units} it has its text"
        assert terminal("trace", str(path), "--units", units, *arguments).code == 0


def test_a_trace_with_a_position_past_the_end_is_named(terminal: Terminal, tmp_path: Path) -> None:
    path = recording(tmp_path, [1, 0, "x"], [9, 0, "y"], end="axb")
    problem = f"{path}: transaction 1: position 9 is past the end of a text of 3 code points"
    assert refused(terminal("trace", str(path))) == problem
    out = tmp_path / "out"
    assert (
        refused(terminal("simulate", "calm", *SMALL, "--workload", f"trace:{path}", "--out", str(out)))
        == problem
    )
    assert not out.exists()


def test_a_trace_of_too_many_authors_is_refused(terminal: Terminal, data: Path) -> None:
    line = refused(terminal("trace", str(data / "traces" / "node_nodecc.json.gz")))
    assert line == "node_nodecc: 194 authors, at most 16 can be replayed by Jupiter"


def test_an_unknown_engine_is_named(terminal: Terminal, tmp_path: Path) -> None:
    path = recording(tmp_path, [1, 0, "x"], end="axb")
    assert "steam" in refused(terminal("trace", str(path), "--engine", "steam"))


def test_a_report_of_nothing_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    line = refused(terminal("report", str(tmp_path)))
    assert str(tmp_path) in line
    assert not list(tmp_path.iterdir())


# --- runs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("simulated") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "concord", "simulate", "calm", *SMALL, "--jobs", "1", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )
    return out, done


@pytest.mark.slow
def test_a_small_calm_run_is_good(simulated: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, done = simulated
    assert beside_progress(done.stderr) == ""
    assert done.returncode in (ExitCode.GOOD, ExitCode.SLO_MISSED)
    assert sorted(path.name for path in out.iterdir()) == sorted([*RESULTS, TAG, "history"])
    assert all((out / name).stat().st_size for name in RESULTS)
    assert "report: " in done.stdout


@pytest.mark.slow
def test_the_result_has_its_keys(simulated: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, done = simulated
    result = json.loads((out / "result.json").read_bytes())
    assert result.keys() >= {
        "verdict",
        "exit_code",
        "seed",
        "digest",
        "scenario",
        "clients",
        "documents",
        "run_seconds",
        "wall_seconds",
        "edits",
        "operations",
        "deliveries",
        "deliveries_per_second",
        "checks",
        "faults",
        "slos",
    }
    assert result["verdict"] == "valid"
    assert result["exit_code"] == done.returncode
    assert (result["clients"], result["documents"]) == (40, 4)
    assert result["digest"] in done.stdout
    assert all(check.keys() >= {"name", "verdict", "checked", "detail"} for check in result["checks"])
    assert result["slos"]
    assert all(slo.keys() >= {"name", "objective", "measured", "unit", "outcome"} for slo in result["slos"])


@pytest.mark.slow
def test_a_report_is_written_again_from_the_files_alone(
    simulated: tuple[Path, subprocess.CompletedProcess[str]], terminal: Terminal
) -> None:
    out, _ = simulated
    before = {name: (out / name).read_bytes() for name in RESULTS}
    for name in ("report.html", "junit.xml", "summary.md"):
        (out / name).unlink()
    outcome = terminal("report", str(out))
    assert (outcome.code, outcome.err) == (0, "")
    assert {name: (out / name).read_bytes() for name in RESULTS} == before


@pytest.mark.slow
def test_faults_are_in_the_result(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = terminal("simulate", "server-crash", *SMALL, "--jobs", "1", "--out", str(out))
    assert outcome.code in (ExitCode.GOOD, ExitCode.UNKNOWN, ExitCode.SLO_MISSED)
    result = json.loads((out / "result.json").read_bytes())
    assert result["faults"]
    assert all(f.keys() >= {"name", "begin_us", "end_us", "affected"} for f in result["faults"])


@pytest.mark.slow
def test_an_injected_bug_fails_and_its_case_is_replayed_and_explained(
    terminal: Terminal, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    settings = ("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1")
    outcome = terminal(
        "simulate", "calm", *SMALL, *settings, "--inject", "tie-reversed", "--no-shrink", "--jobs", "1",
        "--out", str(out),
    )  # fmt: skip
    assert outcome.code == ExitCode.VIOLATED
    assert (
        f"it is as it was found; concord shrink {out / 'failures' / 'convergence.json'} makes" in outcome.out
    )
    result = json.loads((out / "result.json").read_bytes())
    assert (result["verdict"], result["exit_code"]) == ("violated", 1)
    assert "failures/convergence.json" in result["failures"]
    failure = out / "failures" / "convergence.json"
    assert failure.with_suffix(".html").stat().st_size > 1_000
    replayed = terminal("replay", str(failure))
    assert replayed.code == ExitCode.VIOLATED
    assert "the same history as recorded" in replayed.out
    page = tmp_path / "page.html"
    explained = terminal("explain", str(failure), "--out", str(page))
    assert explained.code == 0
    assert "<svg" in page.read_text()
    shrinks_in_two_goes(terminal, failure, tmp_path / "smaller.json")


@pytest.mark.slow
def test_the_summary_says_that_the_budget_ended(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budget.__init__, "__defaults__", (30.0, 3))
    out = tmp_path / "out"
    crowded = ("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1")
    run = terminal("simulate", "calm", *SMALL, *crowded, "--inject", "tie-reversed", "--out", str(out))
    assert run.code == ExitCode.VIOLATED
    assert "the budget ended before it was shrunk; concord shrink " in run.out
    assert "it is as it was found" not in run.out
    assert (
        load((out / "result.json").read_bytes()).notes[0]
        == "The bug 'tie-reversed' was put into what is under test."
    )


def shrinks_in_two_goes(terminal: Terminal, failure: Path, smaller: Path) -> None:
    found, before = load_case(failure), failure.read_bytes()
    nothing = terminal("shrink", str(failure), "--seconds", "0", "--out", str(smaller))
    assert nothing.code == 0
    assert "0 plans tried in " in nothing.out
    assert f"all there was; concord shrink {smaller} goes on" in nothing.out
    assert load_case(smaller).plan == found.plan
    assert failure.read_bytes() == before
    whole = terminal("shrink", str(smaller), "--seconds", "600")
    assert whole.code == 0
    small = load_case(smaller)
    assert (small.clients, small.operations, small.shrunk) == (2, 2, True)
    assert f"before: {found.clients} clients, {found.operations} edits, 0 faults" in whole.out
    assert "after: 2 clients, 2 edits, 0 faults" in whole.out
    assert "nothing more can be taken away" in whole.out
    assert "the server has" in whole.out
    assert "<svg" in smaller.with_suffix(".html").read_text()


@pytest.mark.slow
def test_what_does_not_fail_any_more_is_not_shrunk(terminal: Terminal, tmp_path: Path) -> None:
    case = load_case(ROOT / "tests" / "corpus" / "dopt.json")
    file = tmp_path / "repaired.json"
    save_case(msgspec.structs.replace(case, bug=""), file)
    before = file.read_bytes()
    done = terminal("shrink", str(file))
    assert (done.code, done.out) == (0, f"valid: {case.check} holds now; nothing to make smaller\n")
    assert file.read_bytes() == before


@pytest.mark.slow
def test_a_campaign_states_what_it_proves(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = ("--set", "workload.contention_share=0.5")
    outcome = terminal(
        "campaign", "calm", *SMALL, *settings, "--seeds", "0:2", "--jobs", "1", "--out", str(out)
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert "valid: 0 violations in 2 seeds and " in outcome.out
    files = {"CONCORD.TAG", "campaign.json", "junit.xml", "report.html", "summary.md"}
    assert {path.name for path in out.iterdir()} == files  # nothing failed, so no folder of a seed is kept


def test_a_trace_is_replayed_and_compared(terminal: Terminal, tmp_path: Path) -> None:
    same = terminal("trace", str(recording(tmp_path, [1, 0, "x"], end="axb")))
    assert same.code == 0
    assert "valid: mine: 1 authors and the server show the recorded text" in same.out
    assert "1 transactions, 1 edits, 0 concurrent, 0 transformations in " in same.out
    other = terminal("trace", str(recording(tmp_path, [1, 0, "x"], end="axc")))
    assert other.code == ExitCode.VIOLATED
    assert "differ from the recorded one from 2 on" in other.out


# --- replicas without a server ----------------------------------------------------------------------------

ROOM = (
    "--mode",
    "crdt",
    "--clients",
    "12",
    "--documents",
    "2",
    "--duration",
    "6s",
    "--no-shrink",
    "--jobs",
    "1",
)
CROWDED = ("--set", "workload.edits_per_second=3", "--workload", "contention", "--set", "faults=[]")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mode", "peer"), "--mode peer: must be server or crdt"),
        (("--mode", "crdt", "--rule", "fugumax"), "--rule fugumax: unknown; did you mean fuguemax?"),
        (
            ("--mode", "crdt", "--rule", "jupiter"),
            "--rule jupiter: unknown; known: fuguemax, fugue, yata, rga",
        ),
        (("--mode", "crdt", "--topology", "ring"), "--topology ring: must be mesh or star"),
        (("--rule", "yata"), "--rule and --topology are for --mode crdt"),
        (("--topology", "star"), "--rule and --topology are for --mode crdt"),
        (("--mode", "crdt", "--inject", "dopt"), "--inject dopt: needs --mode server"),
        (("--inject", "forgetful"), "--inject forgetful: needs --mode crdt --rule fuguemax"),
        (("--mode", "crdt", "--rule", "rga", "--inject", "forgetful"), "needs --mode crdt --rule fuguemax"),
        (("--mode", "crdt", "--live", "spawn"), "--mode crdt has no server; leave it out with --live"),
        (("--set", "faults=[{kind: loss}]"), "faults.0.kind: loss needs --mode crdt"),
        (("--mode", "crdt", "--set", "gossip.fanout=0"), "gossip.fanout: must be a whole number"),
        (("--mode", "crdt", "--set", "gossip.fan_out=2"), "did you mean fanout?"),
    ],
)
def test_a_wrong_mode_rule_or_topology_is_one_line(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out"
    assert said in refused(terminal("simulate", *arguments, "--out", str(out)))
    assert not out.exists()


@pytest.mark.slow
def test_replicas_run_and_leave_a_report(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = terminal("simulate", *ROOM, *CROWDED, "--rule", "yata", "--topology", "star", "--out", str(out))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("replicas: 12 clients")
    assert "rule_order" in outcome.out
    assert all((out / name).exists() for name in RESULTS)
    assert json.loads((out / "result.json").read_text())["engine"] == "yata"


@pytest.mark.slow
def test_a_seeded_bug_of_replicas_is_found_replayed_and_explained(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = terminal("simulate", *ROOM, *CROWDED, "--inject", "unbounded-scan", "--out", str(out))
    assert outcome.code == 1
    case = sorted((out / "failures").glob("*.json"))[0]
    assert json.loads(case.read_text())["plan"]["gossip"]["rule"] == "yata"
    again = terminal("replay", str(case))
    assert again.code == 1
    assert "the same history as recorded" in again.out
    explained = terminal("explain", str(case))
    assert explained.code == 0
    assert "learns" in explained.out
    assert case.with_suffix(".html").exists()


@pytest.mark.slow
def test_a_campaign_of_replicas_states_what_it_proves(terminal: Terminal, tmp_path: Path) -> None:
    outcome = terminal("campaign", *ROOM, *CROWDED, "--seeds", "0:2", "--out", str(tmp_path / "many"))
    assert outcome.code == 0
    assert "0 violations in 2 seeds and 4 document histories" in outcome.out


@pytest.mark.parametrize("engine", ["eg-walker", "fugue", "fuguemax", "yata", "rga", "woot", "logoot"])
def test_a_trace_is_replayed_by_other_engines(terminal: Terminal, tmp_path: Path, engine: str) -> None:
    path = recording(tmp_path, [1, 0, "x"], end="axb")
    same = terminal("trace", str(path), "--engine", engine)
    assert (same.code, same.err) == (0, "")
    named = "eg-walker (fugue)" if engine == "eg-walker" else engine
    assert f"valid: mine: {named} shows the recorded text" in same.out
    other = terminal("trace", str(recording(tmp_path, [1, 0, "x"], end="axc")), "--engine", engine)
    assert other.code == ExitCode.VIOLATED
    assert f"violated: mine: {named} shows another text than the recorded one from 2 on" in other.out


def test_a_trace_is_replayed_by_eg_walker_with_a_rule(terminal: Terminal, tmp_path: Path) -> None:
    path = recording(tmp_path, [1, 0, "x"], end="axb")
    assert "eg-walker (rga)" in terminal("trace", str(path), "--engine", "eg-walker", "--rule", "rga").out
    assert "rule" in refused(terminal("trace", str(path), "--engine", "eg-walker", "--rule", "ot"))


def test_a_trace_is_replayed_by_all_engines(terminal: Terminal, tmp_path: Path) -> None:
    path = recording(tmp_path, [1, 0, "x"], end="axb")
    outcome = terminal("trace", str(path), "--engine", "all", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    rows = json.loads(outcome.out)
    assert [row["engine"] for row in rows] == [
        "jupiter",
        *(f"eg-walker ({rule})" for rule in ("fugue", "fuguemax", "yata", "rga")),
        *("fugue", "fuguemax", "yata", "rga", "woot", "logoot"),
    ]
    for row in rows:
        assert list(row) == ["engine", "replayed", "recorded_text", "text", "seconds", "sentence"]
        assert (row["replayed"], row["recorded_text"], row["text"]) == (True, True, "A")
    refusing = terminal("trace", str(path), "--engine", "all", "--applications-max", "2")
    assert refusing.code == 0
    assert refusing.out.count("refused") == 6
    assert (
        "mine: 3 events times 1 replicas, at most 2 can be replayed by plain replicas of yata" in refusing.out
    )
    wrong = terminal("trace", str(recording(tmp_path, [1, 0, "x"], end="axc")), "--engine", "all")
    assert wrong.code == ExitCode.VIOLATED
    assert "violated: no engine shows the recorded text" in wrong.out


def test_a_trace_too_large_for_an_engine_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    path = recording(tmp_path, [1, 0, "x"], end="axb")
    line = refused(terminal("trace", str(path), "--engine", "fugue", "--applications-max", "2"))
    assert line == "mine: 3 events times 1 replicas, at most 2 can be replayed by plain replicas of fugue"


def test_a_trace_that_no_engine_can_read_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    both = [{"parents": [], "agent": n, "patches": [[0, 1, ""]]} for n in (0, 1)]
    txns = [*both, {"parents": [0, 1], "agent": 0, "patches": [[1, 1, ""]]}]
    path.write_text(json.dumps({"startContent": "ab", "endContent": "", "numAgents": 2, "txns": txns}))
    line = refused(terminal("trace", str(path), "--engine", "all"))
    assert line.startswith("mine: a patch does not fit its text: ")


# --- a job of three runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsuch",), "unknown scenario 'nonsuch'"),
        (("calm", "--clients", "0"), "clients"),
        (("calm", "--live-duration", "soon"), "duration"),
        (("calm", "--load-time", "soon"), "'soon' is no duration"),
        (("calm", "--set", "clients=3", "--clients", "4"), "is set by an option of its own too"),
    ],
)
def test_a_job_that_cannot_be_made_is_refused_before_it_begins(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(terminal("run", *arguments, "--out", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_job_has_one_scenario_in_the_sizes_of_its_parts() -> None:
    choice = JobChoice("calm", 400, 40, "30s", workload="contention", live_clients=60, live_documents=6)
    assert choice.simulated == ScenarioChoice("calm", 400, 40, "30s", "contention")
    assert choice.live == ScenarioChoice("calm", 60, 6, "50s", "contention")
