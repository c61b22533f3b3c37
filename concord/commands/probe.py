"""The command ``probe``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Final

import typer

from concord.greeting import greet
from concord.judging import judging_of
from concord.options import Json, ObjectiveOptions, takes_structs
from concord.refusals import refusing
from concord.terminal import say, say_json
from concord.times import seconds_of
from loadgen.plan import PlanError
from loadgen.probe import Probe, probe_plan
from loadgen.tokens import tokens_of
from model.result import exit_code
from model.verdict import Verdict
from reports.slo import evaluate
from reports.wording import objective_text, outcome_text, value_text

EXAMPLES = (
    "concord probe --host ws://10.0.0.5:8080 --for 1m",
    "concord probe --host ws://10.0.0.5:8080 --port 9102",
)

JUDGED: Final = ("operation", "durable_online", "everywhere_online", "durable_cut_off", "everywhere_cut_off")
"""What two users can tell of a server."""

LINE_EDITS: Final = 10
"""A line is printed after so many edits."""


@takes_structs
def probe(
    objectives: ObjectiveOptions,
    host: Annotated[str, typer.Option(help="The server, ws://HOST:PORT.")] = "ws://127.0.0.1:8080",
    duration: Annotated[
        str, typer.Option("--for", help="How long, such as 60s or 5m; until Ctrl-C if left out.")
    ] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Serve the figures for Prometheus here; 0: any.")
    ] = None,
    secret_env: Annotated[
        str, typer.Option(help="Environment variable with the secret that tokens are minted with.")
    ] = "JWT_SECRET",
    token: Annotated[str, typer.Option(help="A token instead, which may edit load-probe-00000.")] = "",
    json: Json = False,
) -> None:
    """Edit a document of one's own once a second, over two connections, and tell how long that takes."""
    judging = judging_of(objectives)
    seconds = seconds_of(duration) if duration else float("inf")
    with refusing(PlanError):
        plan = probe_plan(host, secret_env, token)
        tokens = tokens_of(plan)
    greet(plan.address, tokens.token("greeting"))
    canary = Probe(plan)
    is_interrupted = False
    with _served(canary, port):
        try:
            canary.run(seconds * 1e6, lambda: _tell(canary))
        except KeyboardInterrupt:
            is_interrupted = duration != ""  # without an end, this is the way to end it
    measures = canary.finish()
    asked = [one for one in judging.objectives if one.measure in JUDGED]
    rows = evaluate(asked, measures, 2)
    broken = [check.result() for check in canary.state.checkers]
    verdict = Verdict.VIOLATED if any(check.violated for check in broken) else Verdict.VALID
    code = exit_code(verdict, rows, interrupted=is_interrupted, cannot_tell=judging.cannot_tell)
    if json:
        say_json(
            {
                "verdict": verdict,
                "exit_code": int(code),
                "edits": canary.edits,
                "latencies": {name: found.to_json() for name, found in sorted(canary.latencies.items())},
                "slos": rows,
            }
        )
    for check in broken:
        for violation in check.violations:
            say(f"violated: {violation.message}", style="red")
    for row in rows:
        say(f"{row.title} {objective_text(row)}: {value_text(row.measured, row.unit)}, {outcome_text(row)}")
    if code:
        raise typer.Exit(code)


def _tell(canary: Probe) -> None:
    if canary.edits % LINE_EDITS == 1:
        found = canary.latencies.get("operation")
        figures = "none yet"
        if found is not None:
            figures = f"p95 {found.percentile(95) / 1000:,.1f} ms, longest {found.maximum / 1000:,.1f} ms"
        say(
            f"{canary.now / 1e6:6.0f} s  {canary.connected} of 2 connected, {canary.edits:,} edits, "
            f"operation latency {figures}"
        )


@contextlib.contextmanager
def _served(canary: Probe, port: int | None) -> Iterator[None]:
    """The figures on a port of their own, for the time of the block."""
    if port is None:
        yield
        return

    class Handler(BaseHTTPRequestHandler):
        """Answers every request with the figures."""

        def do_GET(self) -> None:
            """The figures as of the last second."""
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(canary.exposition)))
            self.end_headers()
            self.wfile.write(canary.exposition)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # as it is called
            """Nothing."""

    with ThreadingHTTPServer(("", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        say(f"figures for Prometheus on port {server.server_port}")
        try:
            yield
        finally:
            server.shutdown()
