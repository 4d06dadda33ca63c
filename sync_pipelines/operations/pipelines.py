"""The pipelines that a person can name, and what each answers to."""

from __future__ import annotations

from sync_pipelines import pipelines
from sync_pipelines.pipelines.shape import Pipeline, Questions

BY_NAME: dict[str, Pipeline] = {pipeline.name: pipeline for pipeline in pipelines.PIPELINES}
PIPELINES: dict[str, Pipeline] = {name: pipeline for name, pipeline in BY_NAME.items() if pipeline.writes}
"""Those that write somewhere."""


def account(pipeline: str) -> str:
    """Return the account that a pipeline may be allowed to write to, by its settings."""
    right = BY_NAME[pipeline].right
    return right.read().account if right else ""


def of(pipeline: str) -> Questions:
    """Return what can be asked of a pipeline. Loaded when asked for: most commands need one pipeline's libraries."""
    questions = BY_NAME[pipeline].questions
    if questions is None:
        raise KeyError(pipeline)
    return questions()
