"""What the sandbox consists of: modules that import each other without a circle, and what is installed with them."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import vendor_sandbox

PACKAGE = "vendor_sandbox"
ROOT = Path(vendor_sandbox.__file__).parent
PYPROJECT = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in ROOT.rglob("*.py")}


def imported(source: str) -> Iterator[str]:
    """Every module or name that the source imports, wherever the statement stands: in a function, or for type checking only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not used here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def owner(name: str) -> str | None:
    """The module of the sandbox that an imported name is or lives in."""
    return next((each for each in (name, name.rpartition(".")[0]) if each in MODULES), None)


def import_graph() -> Mapping[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        owners = {owner(name) for name in imported(path.read_text(encoding="utf-8"))}
        graph[module] = {each for each in owners if each is not None}
    return graph


def folders(graph: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
    """The same graph between what lies directly in the package: a folder counts as one."""

    def top(module: str) -> str:
        return ".".join(module.split(".")[:2])

    merged: dict[str, set[str]] = {top(module): set() for module in graph}
    for module, used in graph.items():
        merged[top(module)] |= {top(each) for each in used} - {top(module)}
    return merged


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, first and last the same; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(module) for module in error.args[1]]
    return []


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = import_graph()
    assert graph[f"{PACKAGE}.sandbox"] >= {f"{PACKAGE}.control", f"{PACKAGE}.catsy", f"{PACKAGE}.boots"}
    assert circle(graph) == []


def test_no_folder_imports_itself_by_way_of_others() -> None:
    assert circle(folders(import_graph())) == []


def test_a_circle_is_noticed() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) != []


@pytest.mark.parametrize(
    "source",
    [
        "import vendor_sandbox.control",
        "from vendor_sandbox import control",
        "from vendor_sandbox.control import control",
        "def late():\n    from vendor_sandbox.control import control",
        "if TYPE_CHECKING:\n    from vendor_sandbox.control import control",
    ],
)
def test_an_import_counts_however_it_is_written(source: str) -> None:
    assert {owner(name) for name in imported(source)} == {"vendor_sandbox.control"}


def names(requirements: list[str]) -> set[str]:
    """The distributions of requirements like `graphql-core>=3.2.7`."""
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


def test_the_extra_names_exactly_what_the_sandbox_imports() -> None:
    used = {name.partition(".")[0] for path in MODULES.values() for name in imported(path.read_text(encoding="utf-8"))}
    foreign = used - sys.stdlib_module_names - {PACKAGE, "_typeshed"}
    distributions = importlib.metadata.packages_distributions()
    assert {each for module in foreign for each in distributions[module]} == names(PROJECT["optional-dependencies"]["sandbox"])


def test_the_locked_requirements_hold_everything_that_is_asked_for() -> None:
    extras = [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]
    locked = (ROOT.parent / "requirements.lock").read_text(encoding="utf-8")
    assert names([*PROJECT["dependencies"], *extras]) <= set(re.findall(r"^([\w.-]+)==", locked, re.MULTILINE))


def test_files_that_are_not_python_are_installed_too() -> None:
    others = {path for path in ROOT.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    declared: dict[str, list[str]] = PYPROJECT["tool"]["setuptools"]["package-data"]
    folders_of = {package: ROOT.parent.joinpath(*package.split(".")) for package in declared}
    assert others <= {
        path for package, patterns in declared.items() for each in patterns for path in folders_of[package].glob(each)
    }
