"""Hosts for scripts: what a stage names and the policy allows is reached through the proxy, and nothing else."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform import LogLine, Runner
from blockyard_platform.results import RunResult, StageRecord
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code


class Site:
    """A web server on loopback that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"hello from outside")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its names are the library's)
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return self.server.server_port

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.close()


def policy_of(site: Site) -> Policy:
    return Policy.model_validate(
        {
            "stages": ["virtual-python", "bash"],
            "hosts": [{"host": "127.0.0.1", "ports": [site.port], "private": True}],
            "stage": {"processes": 16},
        }
    )


def code_for(url: str) -> str:
    return f"""
import urllib.error, urllib.request
try:
    with urllib.request.urlopen({url!r}, timeout=60) as answer:
        result = answer.read().decode()
except urllib.error.HTTPError as error:
    result = [error.code, error.read().decode()]
except OSError as error:
    result = str(error)
"""


async def run(policy: Policy, *stages: dict[str, Any], **more: Any) -> RunResult:
    async with Runner(policy=policy) as runner:
        return await runner.run({"name": "t", "stages": list(stages), **more})


def record_of(result: RunResult, name: str = "a") -> StageRecord:
    assert result.problems == (), result.problems
    return result.jobs["main"].stages[name]


async def test_python_reaches_the_host_that_it_names(site: Site) -> None:
    url = f"http://127.0.0.1:{site.port}/page?x=1"
    stage: dict[str, Any] = {
        "id": "a",
        "deps": [],
        "run": code_for(url),
        "hosts": [f"127.0.0.1:{site.port}"],
    }
    record = record_of(await run(policy_of(site), stage))
    assert record.outputs["result"] == "hello from outside"
    assert site.asked == ["/page?x=1"]


async def test_bash_reaches_the_host_that_it_names(site: Site) -> None:
    script = f"""
    exec 3<>/dev/tcp/127.0.0.1/3128
    printf 'GET http://127.0.0.1:{site.port}/b HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3
    grep -ao 'hello from outside' <&3; echo "$https_proxy"
    """
    stage: dict[str, Any] = {"id": "a", "bash": script, "hosts": ["127.0.0.1"]}
    record = record_of(await run(policy_of(site), stage))
    assert record.outputs["stdout"] == "hello from outside\nhttp://127.0.0.1:3128\n"
    assert site.asked == ["/b"]


async def test_without_hosts_there_is_no_network(site: Site) -> None:
    url = f"http://127.0.0.1:{site.port}/"
    quiet: dict[str, Any] = {"id": "a", "deps": [], "run": code_for(url)}
    none: dict[str, Any] = {"id": "b", "deps": [], "run": code_for(url), "hosts": []}
    shell: dict[str, Any] = {
        "id": "c",
        "bash": f"echo x 2>&1 >/dev/tcp/127.0.0.1/{site.port}; true",
    }
    result = await run(policy_of(site), quiet, none, shell)
    assert "Operation not permitted" in record_of(result, "a").outputs["result"]
    assert "Operation not permitted" in record_of(result, "b").outputs["result"]
    said = record_of(result, "c").outputs
    assert "Operation not permitted" in said["stdout"] + said["stderr"]
    assert site.asked == []


async def test_another_host_is_refused_by_the_proxy_and_told(site: Site) -> None:
    other = Site()
    try:
        url = f"http://127.0.0.1:{other.port}/"
        stage: dict[str, Any] = {
            "id": "a",
            "deps": [],
            "run": code_for(url),
            "hosts": [f"127.0.0.1:{site.port}"],
        }
        result = await run(policy_of(site), stage)
        record = record_of(result)
        words = f"the policy's hosts do not allow 127.0.0.1:{other.port} (FORBIDDEN_HOST 133)"
        assert record.outputs["result"] == [403, f"{words}\n"]
        assert [line.text for line in result.logs] == [words]
        assert other.asked == []
    finally:
        other.close()


async def test_hosts_may_be_computed_and_are_checked_then(site: Site) -> None:
    url = f"http://127.0.0.1:{site.port}/"
    stage: dict[str, Any] = {
        "id": "a",
        "deps": [],
        "run": code_for(url),
        "hosts": "${{ params.hosts }}",
    }
    params: dict[str, Any] = {"hosts": {"type": "array", "default": [f"127.0.0.1:{site.port}"]}}
    record = record_of(await run(policy_of(site), stage, params=params))
    assert record.outputs["result"] == "hello from outside"
    params = {"hosts": {"type": "array", "default": ["evil.example"]}}
    record = record_of(await run(policy_of(site), stage, params=params))
    assert record.code is Code.FORBIDDEN_HOST
    assert record.error is not None
    assert "'evil.example'" in record.error["message"]
    assert site.asked == ["/"]


async def test_the_variables_of_a_stage_stand_over_the_proxys(site: Site) -> None:
    stage: dict[str, Any] = {
        "id": "a",
        "bash": 'echo "$https_proxy $HTTP_PROXY"',
        "env": {"https_proxy": "mine"},
        "hosts": ["127.0.0.1"],
    }
    record = record_of(await run(policy_of(site), stage))
    assert record.outputs["stdout"] == "mine http://127.0.0.1:3128\n"


async def test_a_stage_with_hosts_is_an_effect(site: Site, tmp_path: Path) -> None:
    """The journal has its start before the script begins, so that a crash cannot hide that it did."""
    stages: list[dict[str, Any]] = [
        {"id": "a", "bash": "echo here", "hosts": ["127.0.0.1"]},
        {"id": "b", "bash": "echo here"},
        {"id": "c", "deps": [], "run": "print('here')", "hosts": ["127.0.0.1"]},
    ]
    journal = tmp_path / "journal.db"
    begun: dict[str, list[str]] = {}

    def look(line: LogLine) -> None:
        with closing(sqlite3.connect(journal)) as connection:
            begun[line.stage] = [path for (path,) in connection.execute("SELECT path FROM starts")]

    async with Runner(policy=policy_of(site), journal=journal) as runner:
        result = await runner.run({"name": "t", "stages": stages}, on_log=look)
    assert result.success
    assert begun == {"a": ["a"], "b": [], "c": ["c"]}
