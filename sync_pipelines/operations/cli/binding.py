"""General verbs for every pipeline, or for one: the same function under another signature.

A general verb takes `pipeline` and every option that any pipeline has. Under a pipeline's short name it loses `pipeline`, and
the options that this pipeline does not have. A pipeline's own commands come on top and win over a general verb of their name;
those listed in `ALSO` of its module are commands of the whole program, too: of the first pipeline that has it, as before there
were short names, and of the others where they are named.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Annotated, Any, get_args

import typer
from typer.models import ArgumentInfo, CommandInfo

from sync_pipelines.nearest import meant
from sync_pipelines.operations.pipelines import PIPELINES

Command = Callable[..., None]
PROGRAM = "sync-pipelines"
OWNED = {option for declared in PIPELINES.values() for option in declared.options}
"""Options of general verbs that only some pipelines have."""


def naming(verb: Command, pipelines: Sequence[str]) -> Command:
    """Return a general verb that names its pipeline: one of these. Options that only some have say whose they are."""
    parameters = [
        _one_of(p, pipelines) if name == "pipeline" else _with_owners(p) if name in OWNED else p
        for name, p in _parameters(verb).items()
    ]
    return _under(verb, parameters, lambda given: given)


def bound(verb: Command, pipeline: str) -> Command:
    """Return a general verb for one pipeline: without its name, and without the options that it does not have."""
    lacks = OWNED - set(PIPELINES[pipeline].options)
    parameters = [p for name, p in _parameters(verb).items() if name != "pipeline" and name not in lacks]
    return _under(verb, parameters, lambda given: {"pipeline": pipeline, **given})


def with_a_name(commands: Mapping[str, Command]) -> Command:
    """Return a command that pipelines have of their own, by their names, as one that may be given a pipeline's name: the first
    one's without. Several take the same options, and the help says what each makes of them."""
    first, *others = commands
    help_text = "may be named" if not others else f"which pipeline; {first} if left out"
    about = _named_in(typer.Argument(metavar="[PIPELINE]", help=help_text), list(commands))
    named = inspect.Parameter("pipeline", inspect.Parameter.KEYWORD_ONLY, default=first, annotation=Annotated[str, about])
    own = [_parameters(command) for command in commands.values()]
    if any(each.keys() != own[0].keys() for each in own):
        raise TypeError(f"{commands[first].__name__}: {', '.join(commands)} take other options")
    parameters = [_with_help_of_each(commands, [each[name] for each in own]) if others else p for name, p in own[0].items()]

    def command(pipeline: str, **given: Any) -> None:
        commands[pipeline](**given)

    told = [inspect.getdoc(each) or "" for each in commands.values()]
    command.__name__ = commands[first].__name__
    command.__doc__ = "\n\n".join(f"{name}: {text}" for name, text in zip(commands, told, strict=True)) if others else told[0]
    return _under(command, [named, *parameters], lambda given: given)


def _with_help_of_each(pipelines: Iterable[str], same: Sequence[inspect.Parameter]) -> inspect.Parameter:
    """Return the first of these options, with what it is for each pipeline."""
    (kind, option), *_ = ends = [get_args(each.annotation) for each in same]
    texts = [each.help for _, each in ends]
    told = copy(option)
    if len(set(texts)) > 1:
        told.help = "; ".join(f"{name}: {text}" for name, text in zip(pipelines, texts, strict=True))
    return same[0].replace(annotation=Annotated[kind, told])


def _parameters(command: Command) -> Mapping[str, inspect.Parameter]:
    return {
        name: p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, p in inspect.signature(command, eval_str=True).parameters.items()
    }


def _under(
    command: Command, parameters: Sequence[inspect.Parameter], arguments: Callable[[dict[str, Any]], dict[str, Any]]
) -> Command:
    """Return the command under a signature of these parameters; `arguments` makes its own of what is given."""

    @functools.wraps(command)
    def under(**given: Any) -> None:
        command(**arguments(given))

    under.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    under.__annotations__ = {p.name: p.annotation for p in parameters}
    return under


def _one_of(parameter: inspect.Parameter, pipelines: Sequence[str]) -> inspect.Parameter:
    """Return the parameter with these pipelines as the only values, in full or by their short names."""
    kind, about = get_args(parameter.annotation)
    return parameter.replace(annotation=Annotated[kind, _named_in(about, pipelines)])


def _named_in(argument: ArgumentInfo, pipelines: Sequence[str]) -> ArgumentInfo:
    """Return an argument that takes one of these pipelines, in full or by its short name, and gives its full name."""
    full = {PIPELINES[name].short: name for name in pipelines} | {name: name for name in pipelines}

    known = ", ".join(f"{name} ({PIPELINES[name].short})" for name in pipelines)

    def pipeline(given: str) -> str:
        if given not in full:
            raise typer.BadParameter(f"{given!r} is not one of {known}.{meant(given, full)}", param_hint="PIPELINE")
        return full[given]

    told = copy(argument)
    told.parser, told.autocompletion = pipeline, lambda incomplete: [name for name in full if name.startswith(incomplete)]
    told.help = f"{argument.help}. One of {known}"
    return told


def _with_owners(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return an option whose help begins with the pipelines that have it."""
    kind, option = get_args(parameter.annotation)
    owners = ", ".join(name for name, declared in PIPELINES.items() if parameter.name in declared.options)
    told = copy(option)
    told.help = f"{owners}: {option.help}"
    return parameter.replace(annotation=Annotated[kind, told])


# --- the commands of one pipeline -------------------------------------------------------------------------------------------


def own_commands(pipeline: str) -> tuple[Mapping[str, Command], Collection[str]]:
    """Return a pipeline's own commands by name, and which of them are commands of the whole program, too."""
    module = PIPELINES[pipeline].commands
    if module is None:
        return {}, ()
    loaded = importlib.import_module(module)
    registered: Sequence[CommandInfo] = loaded.app.registered_commands
    commands = {info.name or info.callback.__name__: info.callback for info in registered if info.callback}
    return commands, loaded.ALSO


def owners_of(name: str) -> Mapping[str, Command]:
    """Return the pipelines' own commands of this name that are a command of the whole program, too."""
    own = {pipeline: own_commands(pipeline) for pipeline in PIPELINES}
    return {pipeline: commands[name] for pipeline, (commands, also) in own.items() if name in also}


def group_of(pipeline: str, verbs: Mapping[str, tuple[Command, Sequence[str]]]) -> typer.Typer:
    """Return the commands of one pipeline. verbs: the general ones by name, each with the pipelines that it is for."""
    group = typer.Typer(no_args_is_help=True, help=PIPELINES[pipeline].about)
    own, also = own_commands(pipeline)
    for name, command in own.items():
        _, named = verbs.get(name, (None, ()))
        if not named and name in also and next(iter(owners_of(name))) != pipeline:
            named = [pipeline]
        other = " ".join([PROGRAM, name, *(["|".join(named)] if named else [])])
        group.command(name, epilog=f"also: {other}" if name in also else None, rich_help_panel="Its own")(command)
    for name, (verb, pipelines) in verbs.items():
        if pipeline in pipelines and name not in own:
            epilog = f"also: {PROGRAM} {name} {pipeline}"
            group.command(name, epilog=epilog, rich_help_panel="As of every pipeline")(bound(verb, pipeline))
    return group
