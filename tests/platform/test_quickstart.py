"""Every command of docs/quickstart.md, in order, with a real server, prints what stands there."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text()
FILES = ROOT / "examples" / "quickstart"
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("8080", "9090")
"""Those of the page, in whose place the test takes free ones."""


def held_port() -> socket.socket:
    """Hold a port that nobody is given any more; whoever asks for it by its number can listen there."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    return found


class Person:
    """Somebody who follows the page, in a folder like that of a checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held = {port: held_port() for port in PORTS}
        self.ports = {port: str(it.getsockname()[1]) for port, it in self.held.items()}
        self.token = ""
        self.beside: dict[str, subprocess.Popen[str]] = {}
        (folder / "Makefile").symlink_to(ROOT / "Makefile")
        # The environment is there, and up to date: it is what the tests are run in.
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        for name in ("pyproject.toml", "requirements.lock", ".venv/.ready"):
            (folder / name).touch()
            if name != ".venv/.ready":  # which is newer, whatever the clock does meanwhile
                os.utime(folder / name, (1, 1))
        (folder / "examples").mkdir()
        shutil.copy(ROOT / "examples" / "invoice-report.yaml", folder / "examples")
        shutil.copytree(FILES, folder / "examples" / "quickstart")
        for each in (folder / "examples" / "quickstart").iterdir():
            each.write_text(self.moved(each.read_text()))
        kept = {key: it for key, it in os.environ.items() if not key.startswith("BLOCKYARD_")}
        more = {"PYTHONUNBUFFERED": "1", "BLOCKYARD_SERVICE_PORT": self.ports["8080"]}
        self.variables = kept | more | {"XDG_CONFIG_HOME": str(folder / "config")}

    def moved(self, text: str) -> str:
        """Return a text with the ports of this test."""
        for there, here in self.ports.items():
            text = text.replace(there, here)
        return text

    def types(self, text: str) -> tuple[int, str]:
        """Type commands; what they set, and where they go, is there for the next. Return the exit code, and what was printed."""
        before = f'[ ! -f "{self.folder}/state" ] || . "{self.folder}/state"'
        after = f'{{ export -p; echo "cd \'$PWD\'"; }} > "{self.folder}/state"'
        done = subprocess.run(
            ["sh", "-ea", "-c", f"{before}\n{self.moved(text)}{after}\n"],
            input=self.token + "\n",
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def starts(self, name: str, text: str) -> None:
        """Start what goes on in a terminal of its own."""
        words = f'. "{self.folder}/state"\nexec {self.moved(text)}'
        with (self.folder / f"{name}.log").open("w") as log:
            self.beside[name] = subprocess.Popen(
                ["sh", "-c", words],
                cwd=self.folder,
                env=self.variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def reads(self, name: str) -> str:
        """Return the next line that something prints in its terminal; wait for it."""
        stream = self.beside[name].stdout
        assert stream is not None
        line = stream.readline()
        assert line, (self.folder / f"{name}.log").read_text()
        return line

    def sees(self, name: str, expected: str) -> None:
        """See what stands on the page in the terminal of something."""
        for wanted in expected.splitlines(keepends=True):
            line = self.reads(name)
            assert fits(self.moved(wanted), line), line
            if "token" in line:
                self.token = line.split()[-1]

    def close(self) -> None:
        """End what goes on."""
        for each in self.beside.values():
            each.send_signal(signal.SIGINT)
        for each in self.beside.values():
            each.wait(120)
            if each.stdout is not None:
                each.stdout.close()
        for held in self.held.values():
            held.close()


def fits(expected: str, printed: str) -> bool:
    """Tell whether a text is what stands on the page: a line of `…` is any number of lines, another `…` any text."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, printed) is not None


@contextmanager
def person(folder: Path) -> Generator[Person]:
    found = Person(folder)
    try:
        yield found
    finally:
        found.close()


def test_every_command_prints_what_stands_there(tmp_path: Path) -> None:
    printed: str | None = None
    name, count = "", 0
    with person(tmp_path) as admin:
        for language, text in FENCE.findall(PAGE):
            kind, _, more = language.partition(" quickstart")
            terminal = more.strip()
            if kind == "sh" and terminal.isalpha():
                admin.starts(terminal, text)
                name, printed = terminal, None
                if terminal == "partner":
                    assert "listening" in admin.reads(terminal)
            elif kind == "sh":
                code, printed = admin.types(text)
                assert code == int(terminal or 0), (text, printed)
                count += len(text.splitlines())
            elif language == "text" and printed is not None:
                assert fits(admin.moved(text), printed), f"{text}\n--- is not ---\n{printed}"
            elif language == "text":
                admin.sees(name, text)
            elif language == "text partner":
                admin.sees("partner", text)
    assert count >= 25
    assert {key: it.returncode for key, it in admin.beside.items()}["service"] == 0


@pytest.mark.parametrize("name", ["lab-policy.yaml", "shop-policy.yaml"])
def test_a_policy_of_the_page_is_the_file(name: str) -> None:
    shown = dict(FENCE.findall(PAGE))
    assert shown[f"yaml policy {name}"] == (FILES / name).read_text()


def test_the_readme_shows_commands_of_the_page() -> None:
    typed = {
        line for kind, text in FENCE.findall(PAGE) if kind[:2] == "sh" for line in text.split("\n")
    }
    shown = [
        text for kind, text in FENCE.findall((ROOT / "README.md").read_text()) if kind[:2] == "sh"
    ]
    assert len(shown) == 1
    for line in shown[0].splitlines():
        command = line.partition("  #")[0].strip().replace("examples/quickstart/", "")
        assert command in typed
