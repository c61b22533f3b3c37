"""Single values of a scenario set from outside, by path: ``clients``, ``faults.0.duration``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec

from model.settings.durations import key_of
from model.settings.reader import Reader, SettingError, fields_of, inner_of, nearest, parse
from simulator.planning.faultspec import FaultSpec
from simulator.planning.scenario import VARIANTS, Scenario, ScenarioError, validate


def override_all(scenario: Scenario, settings: Mapping[str, str | float]) -> Scenario:
    """The scenario with values set by their paths, each written as in a file.

    What would no longer fit a smaller run shrinks with it unless it is set as well: fewer clients have fewer
    documents, those fewer cells, and a smaller hot room; in a shorter run the join ramp and the faults
    come earlier and are shorter.

    What a scenario requires holds for the scenario as it stands in its file. A changed one is another one,
    and requires only what ``requires`` is set to.

    Raises:
        ScenarioError: unknown path, wrong value, or values that contradict each other.
    """
    # A smaller run comes first, so that what is set by its own path is not changed again.
    sizes = [key for key in ("clients", "documents", "duration") if key in settings]
    try:
        for key in (*sizes, *(key for key in settings if key not in sizes)):
            scenario = _shrunk(_replaced(scenario, key, str(settings[key])), scenario)
    except SettingError as error:
        raise ScenarioError(str(error)) from None
    if settings and not any(key.partition(".")[0] == "requires" for key in settings):
        scenario = msgspec.structs.replace(scenario, requires=())
    validate(scenario)
    return scenario


def workload_settings(text: str) -> dict[str, str | float]:
    """The settings behind ``human``, ``contention`` or ``trace:FILE``."""
    kind, colon, file = text.partition(":")
    if kind == "trace" and colon:
        return {"workload.kind": kind, "workload.trace_file": file}
    return {"workload.kind": text}


def _replaced(scenario: Scenario, key: str, text: str) -> Scenario:
    reader = Reader("", VARIANTS)

    def read(kind: Any) -> Any:
        # A text is taken as it is; everything else is a piece of YAML.
        if not text.isascii() and text != text.encode(errors="ignore").decode():
            raise SettingError(key, f"must be UTF-8, not {text!a}")
        if kind is str:
            return text
        try:
            node = parse(text)
        except SettingError as error:
            raise SettingError(key, error.message) from None
        if node is None:
            raise SettingError(key, "must have a value")
        value = reader.read(kind, node, key)
        for problem in reader.problems[:1]:
            raise SettingError(problem.key, problem.message)
        return value

    result: Scenario = _with_part(scenario, Scenario, key.split("."), read)
    return result


def _with_part(value: Any, kind: Any, path: list[str], read: Callable[[Any], Any], done: str = "") -> Any:
    """``value`` with the part at ``path`` replaced by what ``read`` returns for that part's type.

    Raises:
        SettingError: there is no such part.
    """
    if not path:
        return read(kind)
    name, rest = path[0], path[1:]
    here = f"{done}.{name}" if done else name
    if isinstance(value, msgspec.Struct):
        types_of = fields_of(type(value))
        by_key = {key_of(field): field for field in types_of}
        if name not in by_key:
            raise SettingError(here, f"unknown key; {nearest(name, by_key)}")
        field = by_key[name]
        part = _with_part(getattr(value, field), types_of[field], rest, read, here)
        return msgspec.structs.replace(value, **{field: part})
    if isinstance(value, tuple):
        if not (name.isascii() and name.isdigit() and int(name) < len(value)):
            numbers = f"0 to {len(value) - 1}" if value else "nothing, it is empty"
            raise SettingError(here, f"unknown key; {done} has {numbers}")
        arms = get_args(inner_of(kind))
        arm = arms[0] if arms[-1] is Ellipsis else arms[int(name)]
        part = _with_part(value[int(name)], arm, rest, read, here)
        return (*value[: int(name)], part, *value[int(name) + 1 :])
    raise SettingError(here, f"unknown key; {done} is a single value")


def _shrunk(scenario: Scenario, before: Scenario) -> Scenario:
    """What has to shrink with the run; a larger run changes nothing."""
    changes: dict[str, Any] = {}
    documents = scenario.documents
    if scenario.clients < before.clients:
        hot_room = scenario.popularity.hot_room * scenario.clients // before.clients
        changes["popularity"] = msgspec.structs.replace(scenario.popularity, hot_room=hot_room)
    if scenario.clients < before.clients and documents > scenario.clients:
        changes["documents"] = documents = max(1, documents * scenario.clients // before.clients)
    if documents < before.documents:
        changes["cells"] = min(scenario.cells, documents)
    if scenario.duration_us < before.duration_us:

        def shorter(time_us: int) -> int:
            return time_us * scenario.duration_us // before.duration_us

        join_ramp_us = shorter(scenario.sessions.join_ramp_us)
        changes["sessions"] = msgspec.structs.replace(scenario.sessions, join_ramp_us=join_ramp_us)
        server = scenario.server
        changes["server"] = msgspec.structs.replace(
            server,
            token_lifetime_us=shorter(server.token_lifetime_us),
            renew_grace_us=max(1, shorter(server.renew_grace_us)),
        )
        changes["faults"] = tuple(_shorter_fault(spec, shorter) for spec in scenario.faults)
    return msgspec.structs.replace(scenario, **changes)


def _shorter_fault(spec: FaultSpec, shorter: Callable[[int], int]) -> FaultSpec:
    window_us = spec.window_us
    return msgspec.structs.replace(
        spec,
        duration_us=max(1, shorter(spec.duration_us)),
        at_us=None if spec.at_us is None else shorter(spec.at_us),
        every_us=None if spec.every_us is None else max(1, shorter(spec.every_us)),
        window_us=None if window_us is None else (shorter(window_us[0]), shorter(window_us[1])),
    )
