"""The image, and compose.yaml as it is: brought up by compose, on networks and volumes of an engine of its own."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from engines import Engine, need, start_engine

from .compose_project import Project
from .postgres_image import make_postgres
from .service_image import build

SECONDS = 120
POLICY = {
    "stages": ["python", "empty", "call"],
    "tags": ["file"],
    "files": {"quota_mib": 1},
    "service": {"concurrency": 8},
}
# Longer than the ten seconds that an engine gives a container of itself; shorter than drain_seconds.
NAP = 13


@pytest.fixture(scope="module")
def networked() -> Iterator[Engine]:
    need("docker-compose")
    found = start_engine(networks=True)
    try:
        yield found
    finally:
        found.end()


@pytest.fixture(scope="module")
def project(networked: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    postgres = make_postgres(networked)
    image = build(networked, tmp_path_factory.mktemp("image"))
    found = Project(networked, image, postgres)
    yield found
    found.remove()


def test_the_command_line_is_there_for_a_user_without_rights(project: Project) -> None:
    found = project.run("--version")
    assert (found.returncode, found.stdout) == (0, "blockyard, version 0.1.0\n")
    config = project.engine.client.inspect_image(project.blockyard)["Config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == (
        "10001:10001",
        ["blockyard"],
        ["serve"],
    )
    assert config["Volumes"] == {"/data": {}}
    assert "/health/live" in " ".join(config["Healthcheck"]["Test"])


def test_the_jail_holds_in_the_container_that_compose_makes(project: Project) -> None:
    found = project.run("doctor", "--json")
    told = json.loads(found.stdout)
    missing = {each["name"] for each in told["layers"] if not each["holds"]}
    assert (found.returncode, told["level"]) == (0, "full")
    assert missing <= {"cgroup", "uid"}


def test_compiled_code_of_packages_is_loaded_from_the_cache(project: Project) -> None:
    code = (
        "import ctypes, os, shutil, pydantic_core._pydantic_core as it;"
        "ctypes.CDLL(shutil.copy(it.__file__, os.environ['BLOCKYARD_CACHE']))"
    )
    found = project.run("-c", code, entrypoint="python")
    assert found.returncode == 0, found.stderr


def test_without_the_profile_nothing_can_be_jailed(project: Project) -> None:
    """The engine's own profile refuses new namespaces: then nothing is run, rather than less guarded."""
    client = project.engine.client
    options = {"command": ["doctor", "--json"], "host_config": client.create_host_config()}
    made = client.create_container(project.blockyard, **options)["Id"]
    try:
        client.start(made)
        assert client.wait(made, timeout=SECONDS)["StatusCode"] == 4
        assert json.loads(client.logs(made, stdout=True, stderr=False))["level"] == "none"
    finally:
        client.remove_container(made, force=True, v=True)


def test_compose_refuses_to_begin_without_a_password(project: Project) -> None:
    found = project.compose("up", "-d", "--no-build", password=None)
    assert found.returncode == 1
    assert "POSTGRES_PASSWORD" in found.stderr
    assert found.stderr.endswith(": give a password\n")


def test_what_compose_brings_up_outlives_a_worker_and_its_own_end(project: Project) -> None:
    project.up()
    assert _health(project, "postgres") == _health(project, "server") == ["healthy"]
    until(partial(_workers, project, 2), "two workers")
    (line,) = (it for it in project.said("server").splitlines() if "first admin's token" in it)
    with project.api(line.split()[-1]) as api:
        _made(api.post("/api/v1/tenants", json={"name": "ant"}))
        _made(api.post("/api/v1/tenants/ant/policies", json=POLICY))
        runs = [_submit(api, {"run": f"result = {number} * 7"}) for number in range(6)]
        wrote = _submit(api, _file("write", text="kept"))
        assert [_end(api, it) for it in runs] == [("SUCCESS", number * 7) for number in range(6)]
        assert _end(api, wrote)[0] == "SUCCESS"
        naps = _begun(api, 4, seconds=5)
        _kill_a_worker(project)
        naps += _begun(api, 2, seconds=NAP)
    project.done("stop")
    ended = {it: _codes(project, it) for it in ("server", "worker", "postgres")}
    assert ended == {"server": [0], "worker": [0, 0], "postgres": [0]}
    project.done("down")
    project.up()
    with project.api(line.split()[-1]) as api:
        assert [_end(api, it) for it in runs] == [("SUCCESS", number * 7) for number in range(6)]
        assert _end(api, _submit(api, _file("read"))) == ("SUCCESS", "kept")
        assert [_end(api, it)[0] for it in naps] == ["SUCCESS"] * 6


def until(look: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come about")


def _health(project: Project, service: str) -> list[str]:
    return [it["State"]["Health"]["Status"] for it in project.containers(service)]


def _codes(project: Project, service: str) -> list[int]:
    states = [it["State"] for it in project.containers(service)]
    assert not any(it["Running"] for it in states)
    return [it["ExitCode"] for it in states]


def _workers(project: Project, begun: int) -> bool:
    """Return whether both workers run, and so many have begun."""
    running = [it["State"]["Running"] for it in project.containers("worker")]
    return running == [True, True] and project.said("worker").count("takes up to") == begun


def _kill_a_worker(project: Project) -> None:
    """End one as a lack of memory does, and wait until the engine has started it again."""
    one, _ = project.containers("worker")
    # Not by the engine, which would take it for the operator's will.
    os.kill(one["State"]["Pid"], signal.SIGKILL)
    until(partial(_workers, project, 3), "the worker's new start")
    assert sorted(it["RestartCount"] for it in project.containers("worker")) == [0, 1]


def _made(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def _file(what: str, **more: str) -> dict[str, Any]:
    return {"uses": f"file.{what}", "with": {"path": "a", **more}}


def _submit(api: httpx.Client, stage: dict[str, Any]) -> str:
    """Submit a run of one stage, whose result is the run's."""
    document: dict[str, Any] = {"name": "t", "stages": [{"id": "a", **stage}]}
    if "sleep" not in stage:
        document["outputs"] = {"it": "${{ stages.a.outputs.result }}"}
    found = _made(api.post("/api/v1/tenants/ant/runs", json={"document": document}))
    return str(found["id"])


def _begun(api: httpx.Client, number: int, *, seconds: int) -> list[str]:
    """Submit runs that sleep, and return them when all are under way."""
    found = [_submit(api, {"sleep": seconds}) for _ in range(number)]
    until(lambda: all(_run(api, it)["state"] != "queued" for it in found), "work")
    return found


def _run(api: httpx.Client, run_id: str) -> Any:
    return _made(api.get(f"/api/v1/tenants/ant/runs/{run_id}"))


def _end(api: httpx.Client, run_id: str) -> tuple[str, Any]:
    """Return how a run has ended, and its result."""

    def look() -> Any:
        found = _run(api, run_id)
        return found if found["status"] != "WAIT" else None

    found = until(look, f"the end of {run_id}")
    return found["status"], found["outputs"].get("it")
