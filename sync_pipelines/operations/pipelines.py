"""The pipelines by their names, as a person at the prompt gives them."""

from __future__ import annotations

from sync_pipelines import pipelines
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.shape import Pipeline, Questions
from sync_pipelines.settings import AccountSection

PIPELINES: dict[str, Pipeline] = {pipeline.name: pipeline for pipeline in pipelines.PIPELINES}
"""All of them, in the order in which they are shown."""
WRITERS = tuple(name for name, pipeline in PIPELINES.items() if pipeline.writes)
"""Those that write somewhere: plans, releases and undo are about them."""
ASKED = tuple(name for name, pipeline in PIPELINES.items() if pipeline.questions)
"""Those that are synced by themselves, and can be asked about."""
BY_DAY = tuple(name for name, pipeline in PIPELINES.items() if pipeline.days)
"""Those whose days can be read again."""


def account(pipeline: str) -> str:
    """Return the accounts that a pipeline may be allowed to write to, by its settings, in words; those that it reads, where it
    writes to none."""
    declared = PIPELINES[pipeline]
    read = [section for section in declared.settings if issubclass(section, AccountSection)]
    return " and ".join(section.read().account for section in declared.rights or read)


def of(pipeline: str) -> Questions:
    """Return what can be asked of a pipeline. Loaded when asked for: most commands need one pipeline's libraries."""
    questions = PIPELINES[pipeline].questions
    if questions is None:
        raise KeyError(pipeline)
    return questions()


def refuse_foreign_options(pipeline: str, **given: bool) -> None:
    """Raise UsageError for options that only other pipelines have."""
    for option, is_given in given.items():
        if is_given and option not in PIPELINES[pipeline].options:
            *others, last = [name for name, declared in PIPELINES.items() if option in declared.options]
            owners = f"{', '.join(others)} and {last}" if others else last
            raise UsageError(f"--{option.replace('_', '-')}: only for {owners}")
