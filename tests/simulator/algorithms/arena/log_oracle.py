"""The server's log against plain FugueMax replicas (D14), element by element.

The trunk is a linear history, so feeding it to one replica after another must show the trunk's text at every
revision. A branch is a history beside the trunk since its base, so two replicas that merge, one with each,
must show the text of the revision that the branch became.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from model.crdt.replicas import FugueMax
from model.crdt.replicas.port import Version
from model.identity import SiteId
from model.text import apply
from reference_server.core.effects import LogRow


def check_trunk(start: str, rows: Sequence[LogRow]) -> Counter[str]:
    """Assert both for every revision; how many of each kind there were."""
    trunk = FugueMax(SiteId("\0"))
    trunk.insert(0, start)
    versions: list[Version] = [trunk.version]
    text = start
    seen: Counter[str] = Counter()
    for row in rows:
        text = apply(text, row.operation)
        if row.branch:
            branch = at_version(trunk, versions[row.base], row.site)
            for edits in row.edits:
                branch.edit(edits.operation)
            merged = FugueMax.load(trunk.save())
            merged.merge(branch)
            assert merged.text == text, f"the branch of revision {row.revision}"
            seen["branches"] += 1
            seen["branches over others' revisions"] += row.base < row.revision - 1
        writer = at_version(trunk, trunk.version, row.site)
        writer.edit(row.operation)
        trunk.merge(writer)
        assert trunk.text == text, f"revision {row.revision}"
        versions.append(trunk.version)
        seen["revisions"] += 1
    return seen


def at_version(trunk: FugueMax, version: Version, site: SiteId) -> FugueMax:
    """A replica of ``site`` that knows what the trunk knew once."""
    replica = FugueMax(site)
    for event in trunk.events_since({}):
        if version.get(event.id.site, 0) >= event.id.counter:
            replica.apply(event)
    return replica
