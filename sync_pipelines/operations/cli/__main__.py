"""`python -m sync_pipelines.operations.cli`."""

from __future__ import annotations

from sync_pipelines.operations.cli import main

if __name__ == "__main__":
    main()
