"""The users as Locust runs them; the one file that imports locust, which patches the process.

By itself::

    JWT_SECRET=... locust -f loadgen/locustfile.py --host ws://127.0.0.1:8080 --documents 10

with Locust's own web page, statistics and options. ``concord load`` starts workers of this file, each with a
plan of its own. Locust decides when a user comes and goes; latencies, checks and the verdict are Concord's.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
import msgspec
from locust import LoadTestShape, User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadgen import plan as plans
from loadgen.channel import CHANNEL_VARIABLE, Upward
from loadgen.driver import UserDriver
from loadgen.outcome import judged
from loadgen.plan import LoadPlan, PlanError
from loadgen.reach import out_of_reach
from loadgen.shapes import NAMES, Shape
from loadgen.worker import LoadWorker
from model.verdict import ExitCode, Verdict, overall

SHAPE_SPAWN_RATE = 1_000_000.0
"""Shapes say themselves how fast users come; Locust starts the new ones of a second at once."""


class _Run:
    """The run of this process; Locust makes users out of a class, so it has to be found from there."""

    plan: LoadPlan | None = None  # given by `concord load`
    worker: LoadWorker | None = None


class Editor(User):
    """Somebody who edits one document."""

    @task
    def edit(self) -> None:
        """Live until Locust ends the user or the run is over."""
        worker = _Run.worker
        if worker is not None:
            driver = self._driver = worker.new_driver()
            driver.run()
        gevent.sleep(3_600)  # over: wait for Locust to say so

    def on_stop(self) -> None:
        """Leave, unless the run is over and everybody still comes to rest."""
        driver: UserDriver | None = getattr(self, "_driver", None)
        if driver is not None:
            driver.leave_when_durable()


class PlannedShape(LoadTestShape):
    """A shape of :mod:`loadgen.shapes`, as Locust asks for it."""

    abstract = True  # Locust takes no shape by itself; only who asked for one gets it

    def __init__(self, shape: Shape) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shape = shape

    def tick(self) -> tuple[int, float] | None:
        """How many users now; None ends the run."""
        users = self._shape.users_at(time.perf_counter() - self.start_time)
        return None if users is None else (users, SHAPE_SPAWN_RATE)


def _options(parser: LocustArgumentParser, **_: Any) -> None:
    parser.add_argument("--documents", type=int, default=10, help="Documents to edit.")
    parser.add_argument(
        "--model", choices=("closed", "open"), default="closed", help="Who decides on the pace."
    )
    parser.add_argument("--rate", type=float, default=0.0, help="Edits each second, over all users.")
    parser.add_argument("--shape", choices=("", *NAMES), default="", help="Instead of -u and -r.")
    parser.add_argument("--seed", type=int, default=1, help="Everything random comes from it.")
    parser.add_argument("--sample-documents", type=int, default=4, help="Documents judged in full.")
    parser.add_argument("--secret-env", default="JWT_SECRET", help="Variable with the secret of the tokens.")
    parser.add_argument("--token", default="", help="One token for everybody.", is_secret=True)
    parser.add_argument("--token-lifetime", type=float, default=3_600.0, help="Seconds a token is good for.")
    parser.add_argument("--out", default="", help="Directory of the results.")


def _init(environment: Environment, **_: Any) -> None:
    path = os.environ.get(plans.PLAN_VARIABLE)
    options = environment.parsed_options
    assert options is not None
    assert environment.runner is not None
    # Locust's next step is a timer for the run, which counts from when the loop last looked at the clock:
    # before all imports, and they may take longer than a short run.
    gevent.get_hub().loop.update_now()
    if path:
        _Run.plan = plans.decode(Path(path).read_bytes())
        environment.shape_class = PlannedShape(plans.shape_of(_Run.plan))
    elif options.shape:
        plan = _plan_of(environment, options)
        environment.shape_class = PlannedShape(plans.shape_of(plan))
    if environment.shape_class is not None:
        environment.shape_class.runner = environment.runner


def _plan_of(environment: Environment, options: Namespace) -> LoadPlan:
    """The plan of a run that Locust was started for by itself."""
    if _Run.plan is not None:
        return _Run.plan
    users = options.num_users or 10
    try:
        plan = plans.checked(
            LoadPlan(
                url=environment.host or "",
                users=users,
                documents=min(options.documents, users),
                spawn_rate=options.spawn_rate or 1.0,
                run_seconds=float(options.run_time or 60),
                model=options.model,
                rate=options.rate,
                shape=options.shape or "ramp",
                seed=options.seed,
                sample_documents=options.sample_documents,
                token=options.token,
                secret_env=options.secret_env,
                token_seconds=options.token_lifetime,
                directory=options.out,
            )
        )
        for problem in out_of_reach(plan):
            sys.stderr.write(f"concord: {problem}\n")
        return plan
    except PlanError as error:
        sys.stderr.write(f"concord: {error}\n")
        raise SystemExit(int(ExitCode.USAGE)) from None


def _start(environment: Environment, **_: Any) -> None:
    options, runner = environment.parsed_options, environment.runner
    assert options is not None
    assert runner is not None
    plan = _plan_of(environment, options)
    descriptor = os.environ.get(CHANNEL_VARIABLE)
    upward = Upward(int(descriptor)) if descriptor else None
    quit_now: Callable[[], None] = runner.quit if options.headless else runner.stop
    try:
        worker = LoadWorker(
            plan,
            quit=quit_now,
            report=_reporting(environment),
            **({} if upward is None else {"status": upward.tell}),
        )
    except (PlanError, OSError) as error:
        sys.stderr.write(f"concord: {error}\n")
        environment.process_exit_code = int(ExitCode.USAGE)
        gevent.spawn(quit_now)
        return
    _Run.worker = worker
    worker.start()
    if upward is not None:
        gevent.spawn(upward.wait_for_the_end, quit_now)


def _reporting(environment: Environment) -> Callable[[str, int], None]:
    """Locust's own statistics; they decide nothing."""
    fire: Any = environment.events.request.fire

    def report(name: str, latency_us: int) -> None:
        fire(
            request_type="WS",
            name=name,
            response_time=latency_us / 1_000,
            response_length=0,
            exception=None,
            context={},
        )

    return report


def _stopping(environment: Environment, **_: Any) -> None:
    del environment
    if _Run.worker is not None:
        _Run.worker.stop_editing()


def _stopped(environment: Environment, **_: Any) -> None:
    worker, _Run.worker = _Run.worker, None
    if worker is None:
        return
    outcome, _measures = worker.finish()
    verdict = overall(judged([outcome], worker.plan.documents if worker.plan.workers == 1 else 0))
    codes = {Verdict.VALID: ExitCode.GOOD, Verdict.VIOLATED: ExitCode.VIOLATED}
    environment.process_exit_code = int(codes.get(verdict, ExitCode.UNKNOWN))
    sys.stderr.write(f"concord: {verdict.value}; {msgspec.json.encode(outcome.errors).decode()}\n")
    for check in outcome.checks:
        for violation in check.violations[:1]:
            sys.stderr.write(f"concord: {check.name}: {violation.message}\n")


_hooks: Any = events  # locust's listeners have no types
_hooks.init_command_line_parser.add_listener(_options)
_hooks.init.add_listener(_init)
_hooks.test_start.add_listener(_start)
_hooks.test_stopping.add_listener(_stopping)
_hooks.test_stop.add_listener(_stopped)
