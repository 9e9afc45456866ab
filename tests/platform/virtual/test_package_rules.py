"""Requirements, interpreters and hosts against the policy, before anything runs: each refusal names its rule and its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform import packages, validate
from blockyard_platform.errors import StageFailureError
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code

RULES: list[dict[str, Any]] = [
    {"name": "pandas", "versions": ">=2,<3", "extras": ["excel"]},
    {"name": "Team_*", "extras": "*"},
    {"name": "ruamel.yaml"},
]
POLICY = Policy.model_validate(
    {
        "stages": ["virtual-python", "bash"],
        "packages": RULES,
        "environment": {"python": ">=3.11,<3.13"},
        "hosts": [
            {"host": "api.example.com"},
            {"host": "*.example.net", "ports": [80, 8443]},
            {"host": "10.0.0.7", "ports": [5432], "private": True},
        ],
    }
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("pandas", "pandas"),
        ("Pandas>=2.1", "Pandas>=2.1"),
        ("pandas == 2.2.3", "pandas==2.2.3"),
        ("pandas==2.*", "pandas==2.*"),
        ("pandas[EXCEL] ~= 2.0 ; python_version > '3'", 'pandas[EXCEL]~=2.0; python_version > "3"'),
        ("team.tools[anything]", "team.tools[anything]"),
        ("team-a", "team-a"),
        ("Ruamel-YAML", "Ruamel-YAML"),
        ("ruamel_yaml", "ruamel_yaml"),
    ],
)
def test_a_requirement_that_a_rule_allows(text: str, plain: str) -> None:
    assert packages.requirement_of(text, POLICY) == plain


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("requests", Code.FORBIDDEN_PACKAGE, "does not allow the package 'requests'"),
        ("panda", Code.FORBIDDEN_PACKAGE, "did you mean 'pandas'?"),
        ("teams", Code.FORBIDDEN_PACKAGE, "'teams'"),
        ("pandas==3.0", Code.FORBIDDEN_PACKAGE, "allows versions <3,>=2, not pandas 3.0"),
        ("pandas===1.0", Code.FORBIDDEN_PACKAGE, "not pandas 1.0"),
        ("pandas[sql]", Code.FORBIDDEN_PACKAGE, "does not allow the extra 'sql'"),
        ("pandas @ https://evil.example/p.whl", Code.FORBIDDEN_PACKAGE, "names an address"),
        ("pandas@file:///etc/passwd", Code.FORBIDDEN_PACKAGE, "names an address"),
        ("git+https://evil.example/p", Code.FORBIDDEN_PACKAGE, "names a place"),
        ("./pandas", Code.FORBIDDEN_PACKAGE, "names a place"),
        ("/srv/pandas.whl", Code.FORBIDDEN_PACKAGE, "names a place"),
        ("~/pandas", Code.FORBIDDEN_PACKAGE, "names a place"),
        ("-e .", Code.FORBIDDEN_PACKAGE, "an option of pip"),
        ("--index-url https://evil.example", Code.FORBIDDEN_PACKAGE, "an option of pip"),
        ("pandas --index-url https://evil.example", Code.FORBIDDEN_PACKAGE, "an option of pip"),
        ("-r other.txt", Code.FORBIDDEN_PACKAGE, "an option of pip"),
        ("pandas\n--index-url https://evil.example", Code.FORBIDDEN_PACKAGE, "names a place"),
        ("pandas # --hash", Code.FORBIDDEN_PACKAGE, "an option of pip"),
        ("pandas >", Code.INVALID_ARGUMENT, "is no requirement"),
        ("pandas\tnumpy", Code.INVALID_ARGUMENT, "is no requirement"),
        ("pandas; nonsense == 'x'", Code.INVALID_ARGUMENT, "is no requirement"),
        ("p" * 600, Code.INVALID_ARGUMENT, "is no requirement"),
        ("", Code.INVALID_ARGUMENT, "is no requirement"),
        (7, Code.INVALID_TYPE, "a requirement is a text"),
    ],
)
def test_a_requirement_that_is_refused(text: Any, code: Code, words: str) -> None:
    with pytest.raises(StageFailureError) as caught:
        packages.requirement_of(text, POLICY)
    assert caught.value.code is code
    assert words in caught.value.message
    assert ("(FORBIDDEN_PACKAGE 132)" in caught.value.message) == (code is Code.FORBIDDEN_PACKAGE)


@given(
    st.text(max_size=60) | st.from_regex(r"pandas[\[\]=<>@;, a-z0-9.:/\-]{0,30}", fullmatch=True)
)
def test_what_passes_is_one_plain_requirement(text: str) -> None:
    try:
        plain = packages.requirement_of(text, POLICY)
    except StageFailureError:
        return
    assert plain.isprintable()
    assert not plain.startswith("-")
    assert "@" not in plain
    assert packages.requirement_of(plain, POLICY) == plain


@pytest.mark.parametrize("python", ["3", "3.11", "3.12", "3.12.4", "3.11.0"])
def test_a_version_of_python_that_is_allowed(python: str) -> None:
    assert packages.python_of(python, POLICY) == python


@pytest.mark.parametrize(
    ("python", "code"),
    [
        ("3.10", Code.FORBIDDEN_PACKAGE),
        ("3.13.1", Code.FORBIDDEN_PACKAGE),
        ("/usr/bin/python3", Code.INVALID_ARGUMENT),
        ("pypy3.10", Code.INVALID_ARGUMENT),
        ("3.12; rm -rf", Code.INVALID_ARGUMENT),
        ("--help", Code.INVALID_ARGUMENT),
        (3.12, Code.INVALID_ARGUMENT),
    ],
)
def test_a_version_of_python_that_is_refused(python: Any, code: Code) -> None:
    with pytest.raises(StageFailureError) as caught:
        packages.python_of(python, POLICY)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("text", "host", "ports", "private"),
    [
        ("api.example.com", "api.example.com", (443,), False),
        ("API.example.com.:443", "api.example.com", (443,), False),
        ("a.b.example.net", "a.b.example.net", (80, 8443), False),
        ("a.example.net:80", "a.example.net", (80,), False),
        ("10.0.0.7", "10.0.0.7", (5432,), True),
    ],
)
def test_a_host_that_is_allowed(
    text: str, host: str, ports: tuple[int, ...], private: bool
) -> None:
    (rule,) = packages.hosts_of([text], POLICY)
    assert (rule.host, rule.ports, rule.private) == (host, ports, private)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("evil.example", Code.FORBIDDEN_HOST),
        ("example.net", Code.FORBIDDEN_HOST),
        ("api.example.com:80", Code.FORBIDDEN_HOST),
        ("a.example.net:443", Code.FORBIDDEN_HOST),
        ("10.0.0.8:5432", Code.FORBIDDEN_HOST),
        ("api.example.com.evil.example", Code.FORBIDDEN_HOST),
        ("https://api.example.com", Code.INVALID_ARGUMENT),
        ("*.example.net", Code.INVALID_ARGUMENT),
        ("me@api.example.com", Code.INVALID_ARGUMENT),
        ("0x0a000007", Code.INVALID_ARGUMENT),
        ("", Code.INVALID_ARGUMENT),
        (443, Code.INVALID_TYPE),
    ],
)
def test_a_host_that_is_refused(text: Any, code: Code) -> None:
    with pytest.raises(StageFailureError) as caught:
        packages.hosts_of([text], POLICY)
    assert caught.value.code is code


def test_a_rule_for_one_port_opens_no_private_network_at_another() -> None:
    hosts: list[dict[str, Any]] = [
        {"host": "db.example.com", "ports": [443, 5432]},
        {"host": "*.example.com", "ports": [443], "private": True},
    ]
    policy = Policy.model_validate({"name": "t", "tags": "*", "hosts": hosts})
    found = [(it.ports, it.private) for it in packages.hosts_of(["db.example.com"], policy)]
    assert found == [((443,), True), ((5432,), False)]


def test_every_problem_of_a_document_has_its_place() -> None:
    document = """\
name: t
stages:
  - id: a
    run: pass
    deps: [pandas, requests, "--pre", "x @ file:///etc"]
    python: "3.9"
    hosts: [api.example.com, evil.example]
  - id: b
    bash: echo
    hosts: ["${{ params.x }}", evil.example]
"""
    problems = validate(document, policy=POLICY).problems
    assert [(it.rule, it.pointer, it.line) for it in problems] == [
        ("FORBIDDEN_PACKAGE", "/stages/0/deps/1", 5),
        ("FORBIDDEN_PACKAGE", "/stages/0/deps/2", 5),
        ("FORBIDDEN_PACKAGE", "/stages/0/deps/3", 5),
        ("FORBIDDEN_PACKAGE", "/stages/0/python", 6),
        ("FORBIDDEN_HOST", "/stages/0/hosts/1", 7),
        ("unknown-name", "/stages/1/hosts/0", 10),
        ("FORBIDDEN_HOST", "/stages/1/hosts/1", 10),
    ]


def test_packages_are_written_out() -> None:
    stage = {"run": "pass", "deps": ["${{ params.p }}"], "python": "${{ params.p }}"}
    document = {"name": "t", "params": {"p": "string"}, "stages": [stage]}
    problems = validate(document, policy=POLICY).problems
    assert {(it.rule, it.pointer) for it in problems} == {
        ("expression", "/stages/0/deps/0"),
        ("expression", "/stages/0/python"),
    }


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"packages": [{"name": "x", "versions": "latest"}]}, "version specifier"),
    ({"environment": {"python": "3.12"}}, "version specifier"),
    ({"environment": {"index": {"url": "https://a:b@x.example"}}}, "url"),
    ({"environment": {"index": {"url": "https://x.example", "username": "a"}}}, "password"),
    ({"hosts": [{"host": "a b"}]}, "host"),
    ({"hosts": [{"host": "a.example", "ports": []}]}, "ports"),
    ({"environment": {"find_links": "/x"}}, "find_links"),
]


@pytest.mark.parametrize(("settings", "words"), BROKEN)
def test_a_policy_is_checked_when_it_is_read(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Policy.model_validate(settings)
