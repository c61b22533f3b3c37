"""The command ``load``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from concord.finish import finish
from concord.folders import claim, offered
from concord.greeting import greet
from concord.judging import judging_of
from concord.loading import load as run
from concord.options import Json, ObjectiveOptions, Out, Seed, takes_structs
from concord.refusals import refusing
from concord.terminal import command_line
from concord.times import seconds_of
from loadgen.plan import LoadPlan, PlanError
from loadgen.run import LoadOptions, runnable
from loadgen.shapes import Name
from loadgen.tokens import tokens_of

EXAMPLES = (
    "concord load --users 500 --documents 50 --run-time 30s",
    "concord load --users 60 --recording session.json.gz",
    "concord load --host ws://10.0.0.5:8080 --users 2000 --processes 4 --model open --rate 900",
)


@takes_structs
def load(
    objectives: ObjectiveOptions,
    host: Annotated[str, typer.Option(help="The server, ws://HOST:PORT.")] = "ws://127.0.0.1:8080",
    users: Annotated[int, typer.Option(min=1, help="Users at most.")] = 100,
    documents: Annotated[int, typer.Option(min=1, help="Documents they edit.")] = 10,
    spawn_rate: Annotated[float, typer.Option(help="Users that come each second.")] = 50.0,
    run_time: Annotated[str, typer.Option(help="How long people edit, such as 60s or 5m.")] = "60s",
    processes: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    model: Annotated[
        Literal["closed", "open"],
        typer.Option(help="closed: people keep their rhythm; open: edits planned at --rate."),
    ] = "closed",
    rate: Annotated[float, typer.Option(help="Edits each second, over all users.")] = 0.0,
    shape: Annotated[Name, typer.Option(help="Number of users in time.")] = "ramp",
    seed: Seed = 1,
    sample_documents: Annotated[int, typer.Option(min=0, help="Documents judged in full.")] = 4,
    hot_room: Annotated[
        int, typer.Option(min=-1, help="Users of the first document; -1 is a fiftieth of all.")
    ] = -1,
    skew: Annotated[float, typer.Option(help="How uneven the others are: the n-th has 1/n^SKEW.")] = 0.3,
    recording: Annotated[
        Path | None, typer.Option(help="A recorded session to replay, .json or .json.gz, instead of typing.")
    ] = None,
    out: Out = Path("load"),
    secret_env: Annotated[
        str, typer.Option(help="Environment variable with the secret that tokens are minted with.")
    ] = "JWT_SECRET",
    token: Annotated[str, typer.Option(help="One token for everybody instead.")] = "",
    token_lifetime: Annotated[str, typer.Option(help="How long a minted token is good for.")] = "1h",
    json: Json = False,
) -> None:
    """Load a running server with users over real sockets, check what it does, write a report."""
    plan = LoadPlan(
        url=host,
        users=users,
        documents=documents,
        spawn_rate=spawn_rate,
        run_seconds=seconds_of(run_time),
        model=model,
        rate=rate,
        shape=shape,
        seed=seed,
        sample_documents=sample_documents,
        hot_room=hot_room,
        skew=skew,
        recording=str(recording) if recording else "",
        token=token,
        secret_env=secret_env,
        token_seconds=seconds_of(token_lifetime),
        workers=processes,
    )
    judging = judging_of(objectives)
    with refusing(PlanError):
        plan = runnable(plan)
    with offered(out):
        greet(plan.address, tokens_of(plan).token("greeting"))
    claim(out)
    code = finish(run(LoadOptions(plan, out, command_line(token))), out, judging, json=json)
    if code:
        raise typer.Exit(code)
