"""What every fault is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from simulator.schedule import FaultWindow

if TYPE_CHECKING:
    from simulator.cell import Cell
    from simulator.client import Client


class Fault:
    """One occurrence of a fault in one cell.

    ``begin`` and ``end`` return how much they hit: connections, commits, clients. The parameters of the
    window are read with :meth:`param`, which knows no defaults: the scenario gives them all.
    """

    kind: ClassVar[str]

    def __init__(self, cell: Cell, window: FaultWindow) -> None:
        self.cell = cell
        self.window = window
        self.random = cell.seeds.stream("fault", window.index, cell.plan.index)

    def begin(self) -> int:
        """Start; how much is hit at once."""
        raise NotImplementedError

    def end(self) -> int:
        """Heal; how much was hit in all."""
        raise NotImplementedError

    def param(self, name: str, default: Any) -> Any:
        """A parameter of the window."""
        return self.window.params.get(name, default)

    @property
    def duration_us(self) -> int:
        """How long it lasts."""
        return self.window.end_us - self.window.begin_us

    def realised(self) -> FaultWindow:
        """The window with everything drawn written down."""
        return self.window


class ClientsFault(Fault):
    """A fault of some clients; ``share`` of them, or those the window names."""

    share_default: ClassVar[float] = 0.1

    def __init__(self, cell: Cell, window: FaultWindow) -> None:
        super().__init__(cell, window)
        self.clients = self._choose()

    def _choose(self) -> list[Client]:
        if self.window.sites is not None:
            named = set(self.window.sites)
            return [c for c in self.cell.clients if c.plan.site in named]
        return [c for c in self._candidates() if self.random.random() < self._share]

    @property
    def _share(self) -> float:
        return float(self.param("share", self.share_default))

    def _candidates(self) -> list[Client]:
        return self.cell.clients

    def realised(self) -> FaultWindow:
        """The window with the clients it hit by name."""
        return msgspec.structs.replace(self.window, sites=tuple(c.plan.site for c in self.clients))
