"""The entry point, for ``python -m concord`` and the installed script.

Every process that a run starts may import this module again, so it imports next to nothing by itself.
"""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line and exit."""
    # For every Python that is started from here on: fleets, servers, load workers. A `model` in the current
    # folder is somebody else's.
    os.environ["PYTHONSAFEPATH"] = "1"
    from concord.program import main

    main()


if __name__ == "__main__":
    main()
