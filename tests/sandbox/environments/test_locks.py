"""Locks: what uv says is read strictly, and names follow from content alone."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_sandbox.environments.locks import Release, Wanted, read_lock
from blockyard_schemas.statuses import Code

ONE, TWO = "a" * 64, "b" * 64
SAID = f"""\
# a comment
six==1.17.0 \\
    --hash=sha256:{ONE} \\
    --hash=sha256:{TWO}
typing-extensions==4.16.0 --hash=sha256:{ONE}
"""


def test_releases_and_hashes_are_read_and_written_in_one_form() -> None:
    lock = read_lock(SAID)
    assert lock.releases == (Release("six", "1.17.0"), Release("typing-extensions", "4.16.0"))
    assert lock.text == (
        f"six==1.17.0 \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n"
        f"typing-extensions==4.16.0 \\\n    --hash=sha256:{ONE}\n"
    )
    assert read_lock(lock.text) == lock
    assert read_lock("\n# nothing\n").releases == ()


@pytest.mark.parametrize(
    "line",
    [
        "six @ file:///etc/passwd",
        "./evil",
        "-e .",
        "--index-url http://evil.example/simple",
        f"six==1.0 --hash=md5:{'a' * 32}",
        f"six==1.0 --hash=sha256:{'A' * 64}",
        f"Six==1.0 --hash=sha256:{ONE}",
        f"six==1.0 ; python_version > '3' --hash=sha256:{ONE}",
        f"six==1.0 --hash=sha256:{ONE} --config-settings=x=y",
        f"six==1.0/../x --hash=sha256:{ONE}",
        "six==1.0",
        f"--hash=sha256:{ONE}",
        f"six==1.0\nflask==2.0 --hash=sha256:{ONE}",
        f"six[extra]==1.0 --hash=sha256:{ONE}",
    ],
)
def test_a_line_that_is_no_release_with_hashes_is_refused(line: str) -> None:
    with pytest.raises(EnvironmentUnavailableError, match="lock holds a line") as caught:
        read_lock(line)
    assert caught.value.code is Code.FORBIDDEN_PACKAGE


@given(st.text(alphabet=string.printable, max_size=200))
def test_whatever_is_read_holds_releases_and_hashes_alone(text: str) -> None:
    try:
        lock = read_lock(text)
    except EnvironmentUnavailableError:
        return
    words = lock.text.replace("\\", " ").split()
    assert [w for w in words if "==" in w] == [f"{n}=={v}" for n, v in lock.releases]
    assert all("==" in w or w.startswith("--hash=sha256:") for w in words)


def test_names_follow_from_the_lock_the_interpreter_and_how_it_is_built() -> None:
    lock, other = read_lock(SAID), read_lock(SAID.replace("1.17.0", "1.16.0"))
    names = {
        lock.name("one", wheels_only=True),
        lock.name("two", wheels_only=True),
        lock.name("one", wheels_only=False),
        other.name("one", wheels_only=True),
    }
    assert len(names) == 4
    assert read_lock(lock.text).name("one", wheels_only=True) in names


def test_the_key_of_what_is_wanted_does_not_hang_on_the_order() -> None:
    first, second = Wanted(("a>=1", "b")), Wanted(("b", "a>=1"))
    assert first.key("i", ["x"]) == second.key("i", ["x"])
    others = [
        Wanted(("a>=1", "b"), ("c<2",)),
        Wanted(("a>=1", "b"), wheels_only=False),
        Wanted(("a>=1", "b"), minimum_age=7.0),
        Wanted(("a>=1",)),
    ]
    keys = {first.key("i", ["x"]), first.key("j", ["x"]), first.key("i", ["y"])}
    keys |= {each.key("i", ["x"]) for each in others}
    assert len(keys) == 7
