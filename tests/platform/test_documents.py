"""Every sample in the README and in docs/ works as it stands there."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from blockyard_platform import Answer, Runner, RunView, Waiting, run
from blockyard_platform.loading import load_document
from blockyard_platform.rehearsal import run_tests
from blockyard_platform.service.configuring import load
from blockyard_schemas.policy import load_policy

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAMPLES = [
    pytest.param(language.strip(), text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(FENCE.findall(page.read_text()), 1)
]
TARGETS = {"demo", "test", "check", "bench", "attack", "soak"}


def approve(_run: RunView, _waiting: Waiting) -> Answer:
    """Answer the approvals of samples, by the defaults of their forms."""
    return Answer(approved=True, by="the tests")


def code_of(text: str, said: Path) -> int:
    """Run a program, and return its exit code; a server that it leaves behind, when it fails, is ended."""
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", text], cwd=ROOT, stdout=out, stderr=out, start_new_session=True
        )
        code = process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return code


@pytest.mark.parametrize(("language", "text"), SAMPLES)
def test_a_sample_works(
    language: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLOCKYARD_CACHE", str(tmp_path))
    if language == "yaml":
        result = run(text, on_approval=approve)
        assert result.success, (result.problems, result.jobs)
    elif language.startswith("yaml policy"):
        assert load_policy(text).name
    elif language in ("python server", "sh server"):
        assert "BLOCKYARD_SERVER" in text  # run by client/test_client_documents.py, which has one
    elif language == "yaml container":
        assert "image:" in text  # run by test_image_samples.py, which has an engine
    elif language.startswith(("sh quickstart", "text")):
        assert text.strip()  # typed, and looked for, by test_quickstart.py
    elif language == "sh backup":
        assert "blockyard restore" in text  # run by test_backup.py, which has something to be saved
    elif language == "sh rekeying":
        assert "secrets reseal" in text  # run by test_rekeying.py, which has a key file
    elif language == "toml":
        (tmp_path / "blockyard.toml").write_text(text)
        assert load({}, tmp_path / "blockyard.toml").settings
    elif language == "python":
        assert code_of(text, tmp_path / "said") == 0, (tmp_path / "said").read_text()
    else:
        makefile = (ROOT / "Makefile").read_text()
        for line in text.strip().splitlines():
            target = line.split()[1]
            assert line.startswith("make ")
            assert target in TARGETS
            assert f"\n{target}:" in makefile


def test_the_snippet_for_embedding_is_short_and_right() -> None:
    text = next(
        text
        for language, text in FENCE.findall((ROOT / "README.md").read_text())
        if language == "python"
    )
    assert len([line for line in text.splitlines() if line]) <= 5
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "SUCCESS 1610.0\n"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name
)
def test_an_example_runs(path: Path) -> None:
    assert run(path).success


async def test_the_tests_of_examples_and_samples_pass() -> None:
    count = 0
    texts = [text for sample in SAMPLES for language, text in [sample.values] if language == "yaml"]
    texts += [path.read_text() for path in (ROOT / "examples").glob("*.yaml")]
    async with Runner() as runner:
        for text in texts:
            async for outcome in run_tests(runner, load_document(str(text)).data):
                assert outcome.differences == (), outcome.name
                count += 1
    assert count >= 5


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            assert link.startswith("https://") or (page.parent / link).exists(), (
                f"{page.name}: {link}"
            )
