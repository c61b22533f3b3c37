"""The entry point, for ``python -m concord`` and the installed script.

Every process that a run starts may import this module again, so it imports nothing by itself.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit."""
    from concord.program import main

    main()


if __name__ == "__main__":
    main()
