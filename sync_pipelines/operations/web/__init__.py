"""What is served to browsers: Dagster's UI, behind a gate of ours."""

HOST = "127.0.0.1"
"""Nothing that is served has a login of its own. docs/operating.md shows how to put it behind a proxy that has."""
