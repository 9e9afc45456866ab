"""Full Python is the suite's alone: nothing that a tenant, an admin or an environment says can reach it."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
import pytest
from arena import LIMITS, Arena, Targets

import blockyard_blocks
import blockyard_platform
import blockyard_sandbox
import blockyard_schemas
from blockyard_blocks.catalog import Catalog
from blockyard_platform.cli.app import app
from blockyard_sandbox.guest.operations import handlers
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import LAYERS, JailSpec
from blockyard_schemas.compiler import compile_policy_schema, compile_schema
from blockyard_schemas.policy import personal_policy

ROOMS = (blockyard_blocks, blockyard_platform, blockyard_sandbox, blockyard_schemas)
SWITCHES = {"without", "extensions", "preload", "paths", "binds", "full_python", "unsafe", "debug"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        root = Path(str(room.__path__[0]))
        for path in sorted(root.rglob("*.py")):
            yield f"{root.name}/{path.relative_to(root).as_posix()}", ast.parse(path.read_text())


def test_a_sandbox_has_the_documented_operations(arena: Arena) -> None:
    assert handlers({}).keys() == {"python", "expressions", "check", "ping"}

    async def ask() -> list[str]:
        async with Sandbox(JailSpec()) as sandbox:
            guest = await sandbox.guest(LIMITS)
            answers = [
                await guest.call(op, {"code": "result = 1", "targets": {}})
                for op in ("full", "exec", "eval", "__import__", "serve", "")
            ]
            assert (await guest.call("ping", {})).value == "pong"
            await guest.close()
        return [answer.error.message for answer in answers if answer.error is not None]

    told = arena.runner.run(ask())
    assert len(told) == 6
    assert all("no operation" in message for message in told)


def test_the_default_jail_leaves_nothing_out() -> None:
    spec = JailSpec()
    assert spec.without == frozenset()
    assert dict(spec.extensions) == {}
    assert (spec.preload, spec.paths, spec.binds, spec.level) == ((), (), (), "full")
    with pytest.raises(ValueError, match="no such layers"):
        JailSpec(without=frozenset({"everything"}))


def test_jails_are_described_in_three_places_and_never_weaker() -> None:
    """Every ``JailSpec(...)`` in the product gives constants, a catalog's blocks, and the policy's level."""
    found = {
        name: {keyword.arg for keyword in node.keywords}
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) == "JailSpec"
    }
    assert found == {
        "blockyard_platform/engine/premises.py": {"extensions", "level"},
        "blockyard_sandbox/doctor.py": {"extensions", "level"},
        # That of scripts: what it shows is constant, and a test tries it.
        "blockyard_sandbox/programs.py": {"binds", "extensions", "level", "links", "programs"},
    }


def test_no_product_code_changes_a_spec_or_reads_the_environment() -> None:
    changed = [name for name, call in _calls() if _sets(call)]
    reads = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    }
    # Zygote and nursery hand on to a guest's steps what the zygote was started with.
    # The jails of environments are that of scripts, with an interpreter and one store shown besides.
    assert changed == [
        "blockyard_sandbox/environments/jails.py",
        "blockyard_sandbox/environments/jails.py",
        "blockyard_sandbox/jail/nursery.py",
        "blockyard_sandbox/jail/nursery.py",
        "blockyard_sandbox/jail/zygote.py",
        "blockyard_sandbox/programs.py",
    ]
    # The folder for environments, and what the machine's uv and pip are set up for; the folder for tenants' data; the URLs of databases that a
    # policy names; the settings of the service; where the container engine is, and the passwords that an
    # admin's policy names; what uv and interpreters of the host are started with; a script's own, inside; what a zygote
    # is started with when a test leaves that layer out; the doctor's question from inside.
    assert reads == {
        "blockyard_platform/caching.py",
        "blockyard_platform/cli/account.py",
        "blockyard_platform/data.py",
        "blockyard_platform/host_blocks/databases/asking.py",
        "blockyard_platform/service/configuring.py",
        "blockyard_sandbox/containers/client.py",
        "blockyard_sandbox/containers/images.py",
        "blockyard_sandbox/environments/interpreters.py",
        "blockyard_sandbox/guest/runner.py",
        "blockyard_sandbox/launching.py",
        "blockyard_sandbox/probe.py",
    }


def test_the_product_evaluates_text_in_the_guest_alone() -> None:
    found = {
        name
        for name, call in _calls()
        if isinstance(call.func, ast.Name)
        and call.func.id in ("exec", "eval", "compile", "__import__")
    }
    # The runner is started inside of a guest, by the interpreter of an environment.
    assert found == {
        "blockyard_sandbox/guest/compiling.py",
        "blockyard_sandbox/guest/runner.py",
        "blockyard_sandbox/guest/running.py",
    }


def test_no_document_policy_or_option_has_a_word_for_it() -> None:
    workflow = compile_schema(personal_policy(), Catalog.builtin().interfaces())
    named = set(_properties(workflow["properties"])) | set(_properties(compile_policy_schema()))
    assert not named & (SWITCHES | {"full", "layers", "jail", "seccomp", "landlock"})
    assert not named & (set(LAYERS) - {"environment", "user", "mount", "network"})
    options = {
        word.lstrip("-").replace("-", "_")
        for command in _commands()
        for parameter in command.params
        for word in parameter.opts
    }
    assert "policy" in options
    assert not options & (SWITCHES | {"full", "layers", "level", "jail"})


def test_no_variable_of_the_environment_changes_a_jail(
    arena: Arena, targets: Targets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever sets variables of the platform, or of Python, changes neither what is loaded nor the layers."""
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('PWNED')")
    (tmp_path / "json.py").write_text("raise SystemExit('PWNED')")
    for name in ("WITHOUT", "EXTENSIONS", "LEVEL", "FULL", "UNSAFE", "DEBUG", "SPEC", "TEST"):
        monkeypatch.setenv(f"BLOCKYARD_{name}", "seccomp,landlock,full")
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))

    async def look() -> tuple[Any, dict[str, str]]:
        async with Sandbox(JailSpec()) as sandbox:
            guest = await sandbox.guest(LIMITS)
            answer = await guest.call("full", {"code": "result = 1", "targets": {}})
            status = Path(f"/proc/{guest.pid}/status").read_text().splitlines()
            await guest.close()
        return answer, dict(line.split(":", 1) for line in status)

    answer, status = arena.runner.run(look())
    assert answer.value is None
    assert "no operation" in answer.error.message
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"
    assert status["CapEff"].strip() == "0" * 16


@pytest.mark.parametrize("file", ["full_python.py", "arena.py", "attack_cases.py"])
def test_the_suite_is_not_shipped(file: str) -> None:
    assert not [path for room in ROOMS for path in Path(str(room.__path__[0])).rglob(file)]
    assert os.path.isfile(Path(__file__).with_name(file))


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _sets(call: ast.Call) -> bool:
    return any(keyword.arg in ("without", "preload", "binds") for keyword in call.keywords)


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield name, node


def _properties(schema: object) -> Iterator[str]:
    """Yield the names of all properties that a schema knows, at any depth."""
    if isinstance(schema, dict):
        for key, value in cast("dict[str, object]", schema).items():
            yield from _properties(value)
            if key == "properties" and isinstance(value, dict):
                yield from cast("dict[str, object]", value)
    elif isinstance(schema, list):
        for item in cast("list[object]", schema):
            yield from _properties(item)


def _commands() -> list[click.Command]:
    context = click.Context(app)
    group = app
    assert isinstance(group, click.Group)
    found = [group.get_command(context, name) for name in group.list_commands(context)]
    return [app, *(command for command in found if command is not None)]
