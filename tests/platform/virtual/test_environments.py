"""Environments through documents: resolved and built once, locked for the run, shared, and built where nothing but the index is."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from local_index import LocalIndex, Release
from virtual_stages import GREETING, only, policy_of

from blockyard_platform import Runner
from blockyard_platform.results import StageRecord
from blockyard_sandbox.environments.sealing import remove
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code, Status


def stage(*deps: str, code: str = "result = 1", **more: Any) -> dict[str, Any]:
    return {"id": "a", "deps": list(deps), "run": code, **more}


async def ran(policy: Policy, *deps: str, code: str = "result = 1", **more: Any) -> StageRecord:
    async with Runner(policy=policy) as runner:
        document = {"name": "t", "stages": [stage(*deps, code=code, **more)]}
        return only(await runner.run(document))


def message_of(record: StageRecord) -> str:
    assert record.status is Status.FAILED, record
    assert record.error is not None
    return str(record.error["message"])


async def test_ten_first_uses_build_once(cache: Path, index: LocalIndex) -> None:
    document = {"name": "t", "stages": [stage("greeting", code="import greeting")]}
    async with Runner(policy=policy_of(index)) as runner:
        results = await asyncio.gather(*(runner.run(document) for _ in range(10)))
    assert all(result.success for result in results)
    said = [line.text for result in results for line in result.logs]
    assert sum("Installed 1 package" in line for line in said) == 1
    assert len(list((cache / "environments").iterdir())) == 1
    assert index.asked["/simple/greeting/"] == 1


async def test_another_process_uses_what_is_there_and_needs_no_index(
    cache: Path, index: LocalIndex, tmp_path: Path
) -> None:
    policy = policy_of(index)
    assert (await ran(policy, "greeting")).code is Code.DONE
    asked = index.asked.total()
    index.closed = True
    code = "from greeting import greet\nresult = greet('again')"
    document = {"name": "t", "stages": [stage("greeting", code=code)]}
    (tmp_path / "t.json").write_text(json.dumps(document))
    (tmp_path / "policy.json").write_text(policy.model_dump_json())
    words = [str(Path(sys.executable).with_name("blockyard")), "run", str(tmp_path / "t.json")]
    words += ["--policy", str(tmp_path / "policy.json"), "--json"]
    ended = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True)
    found = json.loads(ended.stdout)["jobs"]["main"]["stages"]["a"]
    assert found["outputs"]["result"] == "hello again", ended.stderr
    assert index.asked.total() == asked


async def test_what_was_built_belongs_to_the_platform_and_nobody_writes_it(
    cache: Path, index: LocalIndex
) -> None:
    code = """
import greeting, os, pathlib, sys
def tried(what):
    try:
        what()
    except OSError as error:
        return error.strerror
    return "done"
place = pathlib.Path(greeting.__file__)
result = [
    tried(lambda: place.write_text("x")),
    tried(lambda: (place.parent / "more.py").write_text("x")),
    tried(lambda: place.unlink()),
    tried(lambda: place.chmod(0o777)),
    tried(lambda: os.listdir("/environment/../environments")),
    sorted(os.listdir("/environment")),
    sys.prefix,
]
"""
    record = await ran(policy_of(index), "greeting", code=code)
    *tries, listed, prefix = record.outputs["result"]
    assert set(tries) <= {"Read-only file system", "Permission denied", "No such file or directory"}
    assert {"bin", "lib", "pyvenv.cfg"} <= set(listed)
    assert prefix == "/environment"
    (built,) = (cache / "environments").iterdir()
    assert not (built / ".cache").exists()
    for place in built.rglob("*"):
        facts = place.lstat()
        assert facts.st_uid == os.geteuid()
        assert stat.S_ISLNK(facts.st_mode) or not facts.st_mode & 0o222


async def test_a_tenant_sees_no_environment_but_its_stages(cache: Path, index: LocalIndex) -> None:
    policy = policy_of(index)
    assert (await ran(policy, "greeting==1.0")).code is Code.DONE
    (other,) = (it.name for it in (cache / "environments").iterdir())
    code = (
        f"import os\nresult = [os.path.exists('/environment/{other}'), os.path.exists('{cache}')]"
    )
    assert (await ran(policy, code=code)).outputs["result"] == [False, False]
    shell = {"id": "a", "bash": "ls /environment 2>&1; ls -d /environment/* 2>&1; true"}
    async with Runner(policy=policy) as runner:
        record = only(await runner.run({"name": "t", "stages": [shell]}))
    assert other not in record.outputs["stdout"]


async def test_the_lock_of_a_run_holds_when_it_is_resumed(
    cache: Path, index: LocalIndex, tmp_path: Path
) -> None:
    code = "from importlib.metadata import version\nresult = version('greeting')"
    first = stage("greeting", code=code) | {"id": "first"}
    given = {"ok": "${{ params.ok }}"}
    second = stage("greeting", code=f"{code}\nif ok != 'yes': 1 / 0", vars=given) | {"id": "second"}
    document = {"name": "t", "params": {"ok": "string"}, "stages": [first, second]}
    policy = policy_of(index, environment={"index": {"url": index.url}, "relock_hours": 0.000_001})
    journal = tmp_path / "journal.db"
    async with Runner(policy=policy, journal=journal) as runner:
        broken = await runner.run(document, params={"ok": "no"}, run_id="r1")
        assert not broken.success
        newest = Release("greeting", "3.0", GREETING.files)
        index.releases.append(newest)
    async with Runner(policy=policy, journal=journal) as runner:
        resumed = await runner.resume("r1", params={"ok": "yes"}, on_input_change="reuse")
        assert resumed.success, resumed
        assert resumed.jobs["main"].stages["second"].outputs["result"] == "1.2"
        fresh = await runner.run(document, params={"ok": "yes"})
        assert fresh.jobs["main"].stages["second"].outputs["result"] == "3.0"


async def test_a_lock_stands_for_later_runs_until_it_is_too_old(
    cache: Path, index: LocalIndex
) -> None:
    code = "from importlib.metadata import version\nresult = version('greeting')"
    policy = policy_of(index)
    assert (await ran(policy, "greeting", code=code)).outputs["result"] == "1.2"
    index.releases.append(Release("greeting", "3.0", GREETING.files))
    assert (await ran(policy, "greeting", code=code)).outputs["result"] == "1.2"
    (kept,) = (cache / "wanted").iterdir()
    os.utime(kept, (0, 0))
    assert (await ran(policy, "greeting", code=code)).outputs["result"] == "3.0"


async def test_releases_that_are_too_young_are_passed_over(index: LocalIndex) -> None:
    index.releases.append(
        Release("greeting", "9.0", GREETING.files, uploaded="2999-01-01T00:00:00Z")
    )
    policy = policy_of(index, environment={"index": {"url": index.url}, "minimum_age_days": 7})
    code = "from importlib.metadata import version\nresult = version('greeting')"
    assert (await ran(policy, "greeting", code=code)).outputs["result"] == "1.2"
    record = await ran(policy, "greeting==9.0")
    assert record.code is Code.INVALID_ARGUMENT
    assert "greeting" in message_of(record)


async def test_versions_of_the_rules_hold_for_what_is_brought_along(index: LocalIndex) -> None:
    rules = [{"name": "Greeting", "versions": "<1.1"}, {"name": "shouting"}]
    record = await ran(
        policy_of(index, packages=rules),
        "shouting",
        code="from importlib.metadata import version\nresult = version('greeting')",
    )
    assert record.outputs["result"] == "1.0"
    record = await ran(policy_of(index, packages=rules), "greeting>1.1")
    assert record.code is Code.INVALID_ARGUMENT
    assert "the packages cannot be had" in message_of(record)


async def test_dependencies_may_have_to_be_listed(index: LocalIndex) -> None:
    rules = [{"name": "shouting"}]
    listed = policy_of(
        index,
        packages=rules,
        environment={"index": {"url": index.url}, "dependencies": "listed"},
    )
    record = await ran(listed, "shouting")
    assert record.code is Code.FORBIDDEN_PACKAGE
    assert "does not allow the package 'greeting'" in message_of(record)
    assert (await ran(policy_of(index, packages=rules), "shouting")).code is Code.DONE


async def test_what_is_not_there_is_said_in_uvs_words(index: LocalIndex) -> None:
    record = await ran(policy_of(index), "nothing-like-it")
    assert record.code is Code.INVALID_ARGUMENT
    assert "nothing-like-it" in message_of(record)


async def test_an_index_that_is_away_is_tried_again_as_the_stage_says(index: LocalIndex) -> None:
    index.closed = True
    stages = [stage("greeting", retry={"attempts": 2, "delay": 0})]
    async with Runner(policy=policy_of(index)) as runner:
        running = asyncio.ensure_future(runner.run({"name": "t", "stages": stages}))
        while not any(path.startswith("/simple/greeting") for path in index.asked):
            await asyncio.sleep(0.01)
        record = only(await running)
    assert record.code is Code.SANDBOX_UNAVAILABLE
    assert record.attempts == 2
    assert index.url in message_of(record)


async def test_a_login_is_shown_to_the_index_and_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "password"
    place.write_text("pass-CANARY\n")
    with LocalIndex(GREETING, login=("ann", "pass-CANARY")) as index:
        rule = {"url": index.url, "username": "ann", "password_file": str(place)}
        search = "grep -rs 'CANAR[Y]' /environment /scratch /etc; env | grep 'CANAR[Y]'; true"
        code = f"import subprocess\nresult = subprocess.run({search!r}, shell=True, capture_output=True, text=True).stdout"
        policy = policy_of(index, environment={"index": rule})
        record = await ran(policy, "greeting", code=code)
        assert (record.code, record.outputs["result"]) == (Code.DONE, "")
        monkeypatch.setenv("WRONG", "not it")
        wrong = {"url": index.url, "username": "ann", "password_env": "WRONG"}
        record = await ran(policy_of(index, environment={"index": wrong}), "greeting<1.2")
        message = message_of(record)
        assert "credentials" in message
        assert "not it" not in message


async def test_the_login_may_stand_in_the_machines_own_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with LocalIndex(GREETING, login=("ann", "pass")) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url.replace("//", "//ann:pass@"))
        policy = policy_of(index, environment={"index": None})
        code = "from greeting import greet\nresult = greet('you')"
        assert (await ran(policy, "greeting", code=code)).outputs["result"] == "hello you"


async def test_wheels_only_unless_the_policy_says_otherwise(index: LocalIndex) -> None:
    index.releases.append(Release("built", "1.0", BACKEND, source=True))
    record = await ran(policy_of(index), "built")
    assert record.code is Code.INVALID_ARGUMENT
    assert "built" in message_of(record)


BACKEND = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": """
import os, socket, zipfile

def tried(what):
    try:
        return repr(what())[:300]
    except Exception as error:
        return type(error).__name__

def reach(host, port):
    with socket.create_connection((host, port), timeout=2):
        return "PWNED"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    seen = {
        "environ": "CANARY" in repr(dict(os.environ)),
        "elsewhere": tried(lambda: reach("127.0.0.1", PORT)),
        "far": tried(lambda: reach("192.0.2.1", 80)),
        "listen": tried(lambda: socket.socket().bind(("127.0.0.1", 4000))),
        "shadow": tried(lambda: open("/etc/shadow").read()),
        "home": tried(lambda: os.listdir(os.path.expanduser("~root"))),
        "others": tried(lambda: os.listdir("/environment/..")),
        "written": tried(lambda: open("/usr/bin/evil", "w").write("x")),
    }
    info = "built-1.0.dist-info"
    files = {
        "built.py": f"seen = {seen!r}",
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/RECORD": "",
    }
    name = "built-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name
""",
}


async def test_code_of_a_package_that_is_built_reaches_the_index_alone(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "pass-CANARY")
    backend = BACKEND | {
        "backend.py": BACKEND["backend.py"].replace("PORT", index.url.split(":")[2].split("/")[0])
    }
    index.releases.append(Release("built", "1.0", backend, source=True))
    rule = {"url": index.url, "username": "ann", "password_env": "PASSWORD"}
    policy = policy_of(index, environment={"index": rule, "wheels_only": False})
    record = await ran(policy, "built", code="import built\nresult = built.seen")
    assert record.outputs.get("result") == {
        "environ": False,
        "elsewhere": "PermissionError",
        "far": "PermissionError",
        "listen": "PermissionError",
        "shadow": "FileNotFoundError",
        "home": record.outputs["result"]["home"],
        "others": "PermissionError",
        "written": record.outputs["result"]["written"],
    }, record
    assert record.outputs["result"]["home"] in ("FileNotFoundError", "PermissionError")
    assert record.outputs["result"]["written"] in ("OSError", "PermissionError")


async def test_an_environment_that_grows_too_large_is_given_up(
    cache: Path, index: LocalIndex
) -> None:
    many = {f"large/{n}.txt": "x" * 1_000_000 for n in range(40)}
    index.releases.append(Release("large", "1.0", many))
    policy = policy_of(index, environment={"index": {"url": index.url}, "size_mib": 8})
    record = await ran(policy, "large")
    assert record.code is Code.FILE_SIZE_LIMIT, record
    assert "environment.size_mib" in message_of(record)
    assert list((cache / "environments").iterdir()) == []


async def test_folders_without_end_are_refused_and_removed(cache: Path, index: LocalIndex) -> None:
    deep = "deep/" + "d/" * 1_500 + "x.py"
    index.releases.append(Release("deep", "1.0", {"deep/__init__.py": "", deep: "x = 1\n"}))
    assert (await ran(policy_of(index), "deep", code="import deep")).code is Code.DONE
    for built in (cache / "environments").iterdir():
        remove(built)  # what tidies up after the tests cannot
    deeper = """
import os
def build_wheel(*_):
    os.chdir("/environment")
    for _ in range(6_000):
        os.mkdir("d")
        os.chdir("d")
    raise SystemExit("deep enough")
"""
    files = BACKEND | {"backend.py": deeper}
    index.releases.append(Release("built", "1.0", files, source=True))
    settings = {"index": {"url": index.url}, "wheels_only": False}
    record = await ran(policy_of(index, environment=settings), "built")
    assert record.status is Status.FAILED
    assert list((cache / "building").iterdir()) == []


async def test_a_build_that_takes_too_long_is_ended(cache: Path, index: LocalIndex) -> None:
    slow = BACKEND | {"backend.py": "import time\ndef build_wheel(*_):\n    time.sleep(600)\n"}
    index.releases.append(Release("built", "1.0", slow, source=True))
    # What every first build needs has a time of its own, so that it is the package's own build that is too slow.
    assert (await ran(policy_of(index), "greeting")).code is Code.DONE
    before = list((cache / "environments").iterdir())
    settings = {"index": {"url": index.url}, "wheels_only": False, "build_seconds": 3}
    record = await ran(policy_of(index, environment=settings), "built")
    assert record.code is Code.TIMEOUT
    assert list((cache / "environments").iterdir()) == before


async def test_a_python_that_cannot_be_had_is_told(index: LocalIndex) -> None:
    record = await ran(policy_of(index), python="2.7")
    assert record.code is Code.INVALID_ARGUMENT
    assert message_of(record).startswith("Python 2.7 cannot be had: uv finds none on this machine")
    own = ".".join(map(str, sys.version_info[:2]))
    code = "import sys\nresult = list(sys.version_info[:2])"
    assert (await ran(policy_of(index), python=own, code=code)).outputs["result"] == [
        *sys.version_info[:2]
    ]


async def test_the_interpreters_of_the_policy_hold_for_the_platforms_own(
    index: LocalIndex,
) -> None:
    policy = policy_of(index, environment={"index": {"url": index.url}, "python": "<3.0"})
    record = await ran(policy)
    assert record.code is Code.FORBIDDEN_PACKAGE
    assert "the policy allows Python <3.0" in message_of(record)
