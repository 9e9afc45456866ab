"""Which indexes a machine is configured to use, and that nothing secret is shown."""

import os
from pathlib import Path

import pytest

from blockyard_sandbox.index.settings import Index, IndexSettings, machine_settings, public_index

PUBLIC = "https://public.test/simple"


class Machine:
    """A machine's environment, home and /etc."""

    def __init__(self, root: Path) -> None:
        self.home, self.etc = root / "home", root / "etc"
        self.environ: dict[str, str] = {}

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self) -> IndexSettings:
        return machine_settings(self.environ, self.home, etc=self.etc, public=lambda: PUBLIC)

    def urls(self) -> list[str]:
        return [index.url for index in self.read().indexes]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_configured_is_the_public_index(machine: Machine) -> None:
    assert machine.read() == IndexSettings((Index(PUBLIC),), None, ())


def test_the_public_index_is_told_by_uv() -> None:
    told = public_index()
    assert told is not None
    assert told.startswith("https://")
    assert told.endswith("/simple")


def test_no_public_index_is_told(machine: Machine) -> None:
    found = machine_settings({}, machine.home, etc=machine.etc, public=lambda: None)
    assert found.indexes == ()
    assert found.ignored == ("no index is configured, and uv does not tell which one it would use",)


def test_credentials_are_split_off_and_hidden(machine: Machine) -> None:
    machine.environ["UV_DEFAULT_INDEX"] = "https://me%40x:s%2Fcret@Index.test:8443/simple/"
    (index,) = machine.read().indexes
    assert index == Index("https://index.test:8443/simple", "me@x", "s/cret")
    assert repr(index) == "Index(url='https://index.test:8443/simple')"


def test_the_order_of_uv(machine: Machine) -> None:
    machine.environ |= {
        "UV_DEFAULT_INDEX": "https://default.test/",
        "UV_INDEX": "https://one.test named=https://two.test",
        "UV_EXTRA_INDEX_URL": "https://five.test https://six.test",
        "UV_INDEX_URL": "https://lost.test",
        "PIP_INDEX_URL": "https://pip.test",
    }
    machine.write(
        machine.home / ".config/uv/uv.toml",
        """extra-index-url = ["https://seven.test"]
        [[index]]
        url = "https://three.test"
        [[index]]
        name = "named"
        url = "https://again.test"
        [[index]]
        url = "https://also-default.test"
        default = true
        [[index]]
        url = "https://explicit.test"
        explicit = true
        """,
    )
    machine.write(machine.etc / "uv/uv.toml", '[[index]]\nurl = "https://four.test"\n')
    words = ["default", "one", "two", "three", "four", "five", "six", "seven"]
    assert machine.urls() == [f"https://{word}.test" for word in words]
    (ignored,) = machine.read().ignored
    assert ignored.endswith("https://explicit.test is explicit or a flat list")


def test_a_default_in_a_file_goes_before_uv_index_url(machine: Machine) -> None:
    machine.environ["UV_INDEX_URL"] = "https://url.test"
    assert machine.urls() == ["https://url.test"]
    text = '[[index]]\nurl = "https://file.test"\ndefault = true\n'
    machine.write(machine.home / ".config/uv/uv.toml", text)
    assert machine.urls() == ["https://file.test"]


def test_the_user_of_uv_goes_before_the_machine(machine: Machine) -> None:
    machine.write(machine.etc / "uv/uv.toml", 'index-url = "https://machine.test"')
    assert machine.urls() == ["https://machine.test"]
    machine.write(machine.etc / "xdg/uv/uv.toml", 'index-url = "https://xdg.test"')
    assert machine.urls() == ["https://xdg.test"]
    machine.write(machine.home / "own/uv/uv.toml", 'index-url = "https://user.test"')
    machine.environ["XDG_CONFIG_HOME"] = str(machine.home / "own")
    assert machine.urls() == ["https://user.test"]
    machine.write(machine.home / "own/uv/uv.toml", '[pip]\nindex-url = "https://pip.test"')
    assert machine.urls() == ["https://pip.test"]
    machine.environ["UV_NO_CONFIG"] = "1"
    assert machine.urls() == [PUBLIC]
    machine.write(machine.home / "given.toml", 'index-url = "https://given.test"')
    del machine.environ["UV_NO_CONFIG"]
    machine.environ["UV_CONFIG_FILE"] = str(machine.home / "given.toml")
    assert machine.urls() == ["https://given.test"]


def test_extras_of_uv_keep_the_public_index(machine: Machine) -> None:
    machine.environ |= {"UV_INDEX": "https://own.test", "PIP_INDEX_URL": "https://pip.test"}
    assert machine.urls() == [PUBLIC, "https://own.test"]


def test_credentials_of_a_named_index(machine: Machine) -> None:
    machine.environ |= {
        "UV_INDEX": "my-own.index=https://own.test",
        "UV_INDEX_MY_OWN_INDEX_USERNAME": "me",
        "UV_INDEX_MY_OWN_INDEX_PASSWORD": "secret",
    }
    assert machine.read().indexes[1] == Index("https://own.test", "me", "secret")


def test_the_order_of_pip(machine: Machine) -> None:
    machine.write(machine.etc / "pip.conf", "[global]\nindex-url = https://etc.test\n")
    assert machine.urls() == ["https://etc.test"]
    machine.write(machine.home / ".pip/pip.conf", "[global]\nindex_url = https://old.test\n")
    assert machine.urls() == ["https://old.test"]
    text = "[global]\nindex-url = https://user.test\nextra-index-url =\n  https://a.test\n  https://b.test\n"
    machine.write(machine.home / ".config/pip/pip.conf", text)
    assert machine.urls() == ["https://user.test", "https://a.test", "https://b.test"]
    machine.write(machine.home / "given.conf", "[global]\nindex-url = https://given.test\n")
    machine.environ["PIP_CONFIG_FILE"] = str(machine.home / "given.conf")
    assert machine.urls()[0] == "https://given.test"
    machine.write(machine.etc / "pip.conf", "[install]\nindex-url = https://install.test\n")
    assert machine.urls()[0] == "https://install.test"
    machine.environ |= {
        "PIP_INDEX_URL": "https://env.test",
        "PIP_EXTRA_INDEX_URL": "https://c.test",
    }
    assert machine.urls() == ["https://env.test", "https://c.test"]
    machine.environ = {"PIP_CONFIG_FILE": os.devnull}
    assert machine.urls() == [PUBLIC]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("file:///srv/wheels", "file:///srv/wheels"),
        ("/srv/wheels", "/srv/wheels"),
        ("https://me:secret@own.test/simple?token=secret", "https://own.test/simple"),
        ("https://own.test/simple#secret", "https://own.test/simple"),
        ("https://me:sec/ret@own.test/simple", "https://own.test/simple"),
        ("https://me:secret@own.test:port/simple", "https://own.test:port/simple"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_its_secrets(
    machine: Machine, text: str, shown: str
) -> None:
    machine.environ["UV_DEFAULT_INDEX"] = text
    found = machine.read()
    assert found.indexes == ()  # the public index does not stand in: it would be told private names
    (ignored,) = found.ignored
    assert shown in ignored
    assert "secret" not in ignored


def test_an_extra_that_cannot_be_used_leaves_the_others(machine: Machine) -> None:
    machine.environ |= {
        "PIP_EXTRA_INDEX_URL": "file:///x https://b.test",
        "PIP_FIND_LINKS": "/wheels",
    }
    found = machine.read()
    assert [index.url for index in found.indexes] == [PUBLIC, "https://b.test"]
    assert found.ignored == (
        "PIP_FIND_LINKS: not used",
        "PIP_EXTRA_INDEX_URL: file:///x is not a plain http or https address",
    )


def test_without_its_default_the_last_extra_is_the_last_resort(machine: Machine) -> None:
    machine.environ |= {
        "PIP_INDEX_URL": "file:///x",
        "PIP_EXTRA_INDEX_URL": "https://a.test https://b.test",
    }
    assert machine.urls() == ["https://b.test", "https://a.test"]


@pytest.mark.parametrize("name", ["UV_NO_INDEX", "PIP_NO_INDEX"])
def test_no_index(machine: Machine, name: str) -> None:
    machine.environ |= {name: "1", f"{name[:3].strip('_')}_EXTRA_INDEX_URL": "https://a.test"}
    found = machine.read()
    assert found.indexes == ()
    assert "no-index is on" in found.ignored[0]


def test_a_file_that_cannot_be_understood_is_told_without_its_text(machine: Machine) -> None:
    machine.write(machine.home / ".config/uv/uv.toml", "index-url = https://me:secret@own.test")
    found = machine.read()
    assert found.indexes == ()
    assert found.ignored == (f"{machine.home}/.config/uv/uv.toml: cannot be understood",)
    machine.environ["UV_NO_CONFIG"] = "1"
    machine.write(machine.home / ".pip/pip.conf", "index-url = https://me:secret@own.test")
    found = machine.read()
    assert found.indexes == ()
    assert found.ignored == (f"{machine.home}/.pip/pip.conf: cannot be understood",)


def test_netrc_is_the_fallback(machine: Machine) -> None:
    machine.write(machine.home / "logins", "machine own.test login me password secret\n")
    machine.environ |= {
        "NETRC": str(machine.home / "logins"),
        "UV_DEFAULT_INDEX": "https://own.test/x",
    }
    assert machine.read().indexes == (Index("https://own.test/x", "me", "secret"),)
    machine.environ["UV_DEFAULT_INDEX"] = "https://me@own.test/x"
    assert machine.read().indexes == (Index("https://own.test/x", "me", "secret"),)
    machine.environ["UV_DEFAULT_INDEX"] = "https://you@own.test/x"
    assert machine.read().indexes == (Index("https://own.test/x", "you", None),)
    machine.environ["UV_DEFAULT_INDEX"] = "https://you:own@own.test/x"
    assert machine.read().indexes == (Index("https://own.test/x", "you", "own"),)
    machine.environ["UV_DEFAULT_INDEX"] = "https://other.test/x"
    assert machine.read().indexes == (Index("https://other.test/x"),)
    machine.write(machine.home / "logins", "nonsense secret")
    assert machine.read().ignored == (f"{machine.home}/logins: cannot be read as a netrc file",)


def test_certificates(machine: Machine) -> None:
    for name in ("a.pem", "b.pem", "c.pem", "d.pem"):
        machine.write(machine.home / name, "")
    machine.environ["REQUESTS_CA_BUNDLE"] = str(machine.home / "d.pem")
    assert machine.read().certificates == str(machine.home / "d.pem")
    machine.write(machine.etc / "pip.conf", f"[global]\ncert = {machine.home}/c.pem\n")
    assert machine.read().certificates == str(machine.home / "c.pem")
    machine.environ["PIP_CERT"] = str(machine.home / "b.pem")
    assert machine.read().certificates == str(machine.home / "b.pem")
    machine.environ["SSL_CERT_FILE"] = str(machine.home / "a.pem")
    assert machine.read().certificates == str(machine.home / "a.pem")
    machine.environ["SSL_CERT_FILE"] = "/nowhere.pem"
    found = machine.read()
    assert found.certificates == str(machine.home / "b.pem")
    assert found.ignored == ("SSL_CERT_FILE: /nowhere.pem is not there",)
