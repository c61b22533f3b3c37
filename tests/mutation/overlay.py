"""Other sources than those of the files, for the imports of one process; no file is touched."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutation.areas import ROOT


def module_of(file: str) -> str:
    """The name under which a file is imported."""
    return ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")


class Overlay:
    """Finds modules whose sources are given, before anybody else looks for them."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """The sources are by file, relative to the root of the project."""
        self._loaders = {
            module_of(file): _Loader(module_of(file), str(ROOT / file), source)
            for file, source in sources.items()
        }

    def put_on(self) -> None:
        """From now on these sources are imported.

        Raises:
            RuntimeError: one of the modules is imported already.
        """
        if early := self._loaders.keys() & sys.modules.keys():
            raise RuntimeError(f"imported before it was changed: {', '.join(sorted(early))}")
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As the import system asks."""
        loader = self._loaders.get(name)
        if loader is None:
            return None
        spec = importlib.machinery.ModuleSpec(name, loader, origin=loader.path)
        spec.has_location = True
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from another text than that of its file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType | None:
        """Never from a cache."""
        return compile(self._source, self.path, "exec", dont_inherit=True)
