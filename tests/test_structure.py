"""The form of the house: sizes, names in its documents, what no text of it says, who ends with whom.

A table of exceptions has a reason for each.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vocabulary import PRODUCT, ROOT, sources, unknown

pytestmark = pytest.mark.slow

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400

LONG_FILES = {
    "model/text.py": "an operation and its three functions are one algebra, checked as one",
    "model/jupiter.py": "the state machine of a client is one, and its rules are read beside its steps",
    "model/marks.py": "every mechanism there is, in one table",
    "model/history.py": "every record of a history; who reads one wants to see all",
    "model/protocol.py": "every message of the protocol, in the order of its document",
    "model/client/concord.py": "one dialect: what is said and what is heard are read side by side",
    "reference_server/core/document.py": "what waits, the append and the store's answers are one machine",
}

DOCUMENTS = ("*.md", "docs/**/*.md", "tests/README.md")
OF_THE_PAST = "CHANGELOG.md"  # what was may be named there
BARE_NAMES_ARE_DEFINED = "ARCHITECTURE.md"  # elsewhere a name may be a key, a code or a value too

NO_NAMES = {
    "docs/configuration.md": {
        "no effect": "a remark of the table itself",
        "1_0": "a text that YAML 1.1 reads as a number",
    },
    "tests/README.md": {
        "--pdb": "an option of pytest",
        "--area core": "an option of `scripts/mutate`",
        "--show KEY": "an option of `scripts/mutate`",
        "@pytest.mark.slow": "as a test says it",
        "pytestmark = pytest.mark.slow": "as a file of tests says it",
        "tmp_path": "a fixture of pytest",
        "process_group=group()": "an argument of `subprocess.Popen`",
    },
    "docs/server.md": {"synchronous=FULL": "a setting of SQLite, written as its manual does"},
}
UNSAID = {
    r"\bissue #?\d": "no number of a list of tasks",
    r"\bstages? #?\d": "no plan of how the work went",
    r"\bwork ?trees?\b|\bsub-?agents?\b|\bthe brief\b|\bco-?authored\b": "nobody's way of working",
    r"(?<![\w.])/(work|root|home|Users)/|/tmp/w\b": "no path of a machine",
}
SAYS_SO = {"tests/test_structure.py"}  # the table above

LEFT_ALONE = {
    "simulator/children.py": "the watcher itself",
    "tests/servers.py": "what removes a folder waits for the end of the process that made it",
    "loadgen/run.py": "its workers end when the channel does; test_run.py kills a run",
    "reference_server/supervisor.py": "its workers end when the line does; test_supervisor.py kills one",
}
STARTS = {"Popen", "run", "call", "check_call", "check_output", "open_process", "run_process"}
POOLS = {"ProcessPoolExecutor", "Pool"}  # gevent has a Pool too, without processes


def python_files() -> list[Path]:
    return [*sources(), *(path for top in ("tests", "bench") for path in sorted((ROOT / top).rglob("*.py")))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- sizes ------------------------------------------------------------------------------------------------


def long_functions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX:
                yield node.name


def test_a_function_fits_a_screen() -> None:
    found = {
        f"{name_of(path)} {function}"
        for path in python_files()
        for function in long_functions(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set()


def test_a_long_function_is_found() -> None:
    body = "    pass\n" * (FUNCTION_LINES_MAX - 1)
    assert list(long_functions(ast.parse(f"class A:\n def f():\n{body}"))) == []
    assert list(long_functions(ast.parse(f"class A:\n async def f():\n{body}    pass"))) == ["f"]


def test_a_file_of_the_product_is_short_or_has_a_reason() -> None:
    long = {
        name_of(path)
        for path in sources()
        if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES_MAX
    }
    assert long == LONG_FILES.keys()


# --- names in documents -----------------------------------------------------------------------------------


def documents() -> list[Path]:
    return [path for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern)) if path.name != OF_THE_PAST]


def code_fonts(text: str) -> Iterator[str]:
    """What stands between backticks, and the commands of blocks without a language."""
    language: str | None = None
    for line in text.splitlines():
        if line.startswith("```"):
            language = line[3:] if language is None else None
        elif language is None:
            yield from re.findall(r"`([^`]+)`", line)
        elif not language:
            for command in re.split(r"&&|\s{2,}", line.rstrip("& ")):
                if re.match(r"(uv run )?concord ", command):
                    yield command


def unknown_names(path: Path) -> dict[str, list[str]]:
    """The code fonts of a document that name what does not exist, and what that is."""
    strings = path.name != BARE_NAMES_ARE_DEFINED
    fonts = dict.fromkeys(code_fonts(path.read_text(encoding="utf-8")))
    return {font: lost for font in fonts if (lost := unknown(font, strings=strings))}


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_every_name_in_code_font_exists(path: Path) -> None:
    assert unknown_names(path).keys() == NO_NAMES.get(name_of(path), {}).keys()


def test_code_fonts_are_found() -> None:
    text = "a `b` and `c.d`\n```\nconcord laws   says `x`\n$ ls\n```\n```json\n`no`\n```\n`e`"
    assert list(code_fonts(text)) == ["b", "c.d", "concord laws", "e"]
    assert sum(1 for path in documents() for _ in code_fonts(path.read_text(encoding="utf-8"))) > 400


@pytest.mark.parametrize(
    "code",
    [
        *("model/nowhere", "model/nowhere.py", "tests/nowhere/test_<module>.py", "nowhere.yaml"),
        *("NoSuchClass", "no_such_function()", "Replica.fly", "jupiter.NoSuchClass", "ErrorCode.NO_SUCH"),
        *("concord dance", "concord simulate --dance", "uv run concord laws --clients 3", "--dance 3"),
        *("GET /api/nowhere", "/nowhere", "authentication.nowhere", "nowhere.keys", "CONCORD_NOWHERE"),
        *(
            "{verdict, nowhere}",
            "transform(A, nowhere(B))",
            "nowhere://…",
            "welcome.nowhere",
            "uv run pytest tests/nowhere.py",
        ),
    ],
)
def test_a_name_that_does_not_exist_is_noticed(code: str) -> None:
    assert unknown(code)


@pytest.mark.parametrize(
    "code",
    [
        *("model/text", "model/text.py", "tests/<folder>/test_<module>.py", "runbook.yaml", "docs/*.md"),
        *("Replica", "Replica.undo", "jupiter.Replica", "ErrorCode.BASE_TOO_OLD"),
        *(
            "concord laws",
            "concord simulate calm --set network.keep_alive=8s",
            "--seed 7",
            "serve --workers N",
        ),
        *("GET /openapi.json", "/ws", "authentication.keys", "base_too_old", "CONCORD_DATA", "first..last"),
        *(
            "{verdict, claimed}",
            "transform(A, compose(B, C))",
            "sqlite:///FILE",
            "welcome.limits",
            "1024",
            "uv run pytest tests/servers.py",
        ),
    ],
)
def test_a_name_that_exists_is_known(code: str) -> None:
    assert unknown(code) == []


def test_a_text_of_the_code_is_no_definition() -> None:
    assert unknown("flaky-mobile") == []
    assert unknown("flaky-mobile", strings=False)


# --- what is not said -------------------------------------------------------------------------------------


def texts() -> Iterator[Path]:
    """Everything that people read."""
    yield from (path for path in ROOT.iterdir() if path.suffix in (".md", ".toml") or path.name == "LICENSE")
    for top in (*PRODUCT, "tests", "bench", "docs", "scripts", ".ci"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.is_file() and path.suffix not in (".png", ".pyc") and "node_modules" not in path.parts:
                yield path


def said(text: str) -> list[str]:
    return [
        f"{line}: {why}"
        for line in text.splitlines()
        for words, why in UNSAID.items()
        if re.search(words, line, re.IGNORECASE)
    ]


def test_the_project_speaks_of_itself_alone() -> None:
    found = {name_of(path): said(path.read_text(encoding="utf-8")) for path in texts()}
    assert {name for name, lines in found.items() if lines} == SAYS_SO, found


# --- processes --------------------------------------------------------------------------------------------


def careless_starts(source: str) -> list[int]:
    """The lines where a process is started that may outlive this one.

    A program needs a process group to belong to, and a pool workers that watch their parent.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        module, _, name = function.rpartition(".")
        starts = name in STARTS and (
            module == "subprocess" or name in ("Popen", "open_process", "run_process")
        )
        groups = [ast.unparse(word.value) for word in node.keywords if word.arg == "process_group"]
        if starts and groups in ([], ["0"]):
            found.append(node.lineno)
        is_pool = name in POOLS and "multiprocessing" in source
        if is_pool and not re.search(r"(?<!import )\bend_with_parent\b", source):
            found.append(node.lineno)
    return found


def test_who_starts_a_process_takes_it_along_in_the_end() -> None:
    found = {name_of(path) for path in python_files() if careless_starts(path.read_text(encoding="utf-8"))}
    assert found == LEFT_ALONE.keys()


@pytest.mark.parametrize(
    ("source", "is_careless"),
    [
        ("subprocess.Popen(['a'], start_new_session=True)", True),
        ("Popen(['a'])", True),
        ("subprocess.run(['a'], check=True)", True),
        ("await trio.lowlevel.open_process(['a'])", True),
        ("subprocess.run(['a'], process_group=0)", True),
        ("import multiprocessing\ncontext.Pool(1)", True),
        ("import multiprocessing\nProcessPoolExecutor(2, context, initializer=begin)", True),
        ("subprocess.run(['a'], process_group=group())", False),
        ("runner.run(1)", False),
        ("import multiprocessing\nProcessPoolExecutor(2, context, initializer=end_with_parent)", False),
    ],
)
def test_a_careless_start_is_noticed(source: str, is_careless: bool) -> None:
    assert bool(careless_starts(source)) == is_careless
