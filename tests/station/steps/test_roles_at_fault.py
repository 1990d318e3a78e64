"""A step that blames the bench says which role, and blames no role that it does not have."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.engine.step import STEPS, Step, step_modules

PATHS = sorted(path for path in STEPS.rglob("*.py") if path.stem != "__init__")


def blames(path: Path) -> Iterator[tuple[int, set[str]]]:
    """Yield the line and the roles of every fault of the bench that a module may raise."""
    name = ".".join(["station.steps", *path.relative_to(STEPS).with_suffix("").parts])
    module = importlib.import_module(name)
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = [one.value for one in node.keywords if one.arg == "roles"]
        if called == "Doubt":
            given.append(node.args[2])
        elif called in ("BenchFault", "look_twice") or called.startswith("must_stay"):
            assert given, f"{path.name}, line {node.lineno}: {called} names no roles"
        for one in given:
            yield node.lineno, set(eval(ast.unparse(one), vars(module)))


def roles_of(module_name: str) -> set[str]:
    module = importlib.import_module(f"station.steps.{module_name}")
    steps = [value for value in vars(module).values() if isinstance(value, Step)]
    return {role for step in steps for role in step.roles_used}


def test_every_module_of_steps_is_looked_at() -> None:
    assert {path.relative_to(STEPS).parts[0].removesuffix(".py") for path in PATHS} == set(
        step_modules()
    )
    assert sum(len(list(blames(path))) for path in PATHS) > 30


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_fault_of_the_bench_names_roles_that_the_steps_have(path: Path) -> None:
    had = roles_of(path.relative_to(STEPS).parts[0].removesuffix(".py"))
    assert had
    for line, roles in blames(path):
        assert roles, f"line {line} blames nobody"
        assert roles <= had, f"line {line}: no step here has {roles - had}"
