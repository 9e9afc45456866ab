"""What the language does the same as Python, and what it says when it does not."""

import io
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.guest.failures import GuestError, SourceError
from blockyard_sandbox.guest.operations import Handler, handlers

PYTHON = handlers({})["python"]
OPERATORS = ["+=", "-=", "*=", "//=", "%=", "|=", "&=", "^=", "<<=", ">>=", "**=", "/="]
TARGETS = [
    "n",
    "o.n",
    "o.box.n",
    "d['k']",
    "d['in'][0]",
    "xs[-1]",
    "xs[i]",
    "o.items[i]",
    "o.box['k']",
]
PREPARE = """
class Box:
    def __init__(self):
        self.n = 3
        self.kept = {"k": 5}
    def __getitem__(self, key):
        seen.append(["get", key])
        return self.kept[key]
    def __setitem__(self, key, value):
        seen.append(["set", key])
        self.kept[key] = value
class Thing:
    def __init__(self):
        self.n = 7
        self.box = Box()
        self.items = [4, 9]
def value(x):
    seen.append(x)
    o.n = o.n + 1
    return x
seen = []
n, i, d, xs, o = 2, 0, {"k": 6, "in": [8]}, [1, 12], Thing()
"""
FINISH = """
result = [n, i, d, xs, o.n, o.box.n, o.box.kept, o.items, seen]
"""


@given(
    st.lists(
        st.tuples(
            st.sampled_from(TARGETS), st.sampled_from(OPERATORS), st.integers(0, 5), st.booleans()
        ),
        max_size=6,
    )
)
def test_augmented_assignment_does_what_python_does(
    steps: list[tuple[str, str, int, bool]],
) -> None:
    body = "".join(
        "try:\n    {} {} {}\nexcept Exception as e:\n    seen.append(type(e).__name__)\n".format(
            target, operator, f"value({number})" if called else number
        )
        for target, operator, number, called in steps
    )
    code = PREPARE + body + FINISH
    plain: dict[str, Any] = {"__name__": "plain"}
    exec(code, plain)  # noqa: S102 (the code is the test's own)
    assert PYTHON({"code": code}) == {"outputs": {"result": plain["result"]}}


def test_target_is_evaluated_once() -> None:
    code = """
calls = []
class A:
    pass
a = A()
a.x = 1
def get():
    calls.append("get")
    return a
def key():
    calls.append("key")
    return "k"
d = {"k": [1]}
get().x += 1
d[key()] += [2]
result = [calls, a.x, d]
"""
    assert PYTHON({"code": code})["outputs"]["result"] == [["get", "key"], 2, {"k": [1, 2]}]


def _fails(code: str, **variables: Any) -> GuestError:
    with pytest.raises(GuestError) as caught:
        PYTHON({"code": code, "vars": variables})
    return caught.value


def test_every_refusal_of_a_text_is_told_at_once() -> None:
    error = _fails("import os\nx = 1\nx._y = 2\ndef f(_a):\n    return f.__code__\n")
    assert isinstance(error, SourceError)
    assert [finding.line for finding in error.findings] == [1, 3, 4, 5]
    assert [finding.text for finding in error.findings] == [
        "import os",
        "x._y = 2",
        "def f(_a):",
        "return f.__code__",
    ]
    assert (error.code, error.line, error.text) == ("RESTRICTED_CODE", 1, "import os")
    assert "line 4:" in error.message


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("x = 1\nif x\n  y", 2, "SyntaxError: expected ':'"),
        ("import jsn", 1, "did you mean 'json'?"),
        ("from math import sqroot", 1, "did you mean 'sqrt'?"),
        ("class A:\n    def __getattr__(self, n):\n        pass", 2, '"__getattr__"'),
        ("async def f():\n    pass", 1, "without async and await"),
        ("x.__class__", 1, "use type(x)"),
        ("for _i in []:\n    pass", 1, 'call it "i"'),
    ],
)
def test_refusals_say_what_to_do(code: str, line: int, words: str) -> None:
    error = _fails(code)
    assert (error.code, error.line) == ("RESTRICTED_CODE", line)
    assert words in error.message


@pytest.mark.parametrize(
    ("code", "name", "line", "words"),
    [
        ("x = 1\n1 / 0", "UNHANDLED_EXCEPTION", 2, "ZeroDivisionError: division by zero"),
        ("assert 1 == 2, 'no'", "ASSERTION_ERROR", 1, "AssertionError: no"),
        ("pront(1)", "UNHANDLED_EXCEPTION", 1, "did you mean 'print'?"),
        ("total = 1\ntotl + 1", "UNHANDLED_EXCEPTION", 2, "did you mean 'total'?"),
        ("'a'.uper()", "UNHANDLED_EXCEPTION", 1, "did you mean 'upper'?"),
        ("open('x')", "RESTRICTED_CODE", 1, "a stage has no files"),
        ("import math\nmath.sqroot(2)", "RESTRICTED_CODE", 2, "did you mean 'sqrt'?"),
        ("import json\njson.loads('{')", "UNHANDLED_EXCEPTION", 2, "JSONDecodeError"),
        (
            "def f():\n    return g()\ndef g():\n    return {}['k']\nf()",
            "UNHANDLED_EXCEPTION",
            4,
            "KeyError: 'k'",
        ),
        ("import re\nre.compile('(?=a)')", "UNHANDLED_EXCEPTION", 2, "look-ahead"),
        (
            (
                "from contextlib import contextmanager\n@contextmanager\ndef c():\n    yield 1\n"
                "with c():\n    x = 1\n    1 / 0\n    y = 2"
            ),
            "UNHANDLED_EXCEPTION",
            7,
            "ZeroDivisionError",
        ),
        ("class E(NameError):\n    name = []\nraise E()", "UNHANDLED_EXCEPTION", 3, "E"),
        ("class E(OSError):\n    errno = []\nraise E('x')", "UNHANDLED_EXCEPTION", 3, "E: x"),
        (
            "class E(NameError):\n    @property\n    def name(self):\n        raise SystemExit\nraise E()",
            "UNHANDLED_EXCEPTION",
            5,
            "E",
        ),
        ("result = [1, {2}]", "INVALID_TYPE", None, "result[1] is a set"),
    ],
)
def test_failures_tell_the_users_own_line(
    code: str, name: str, line: int | None, words: str
) -> None:
    error = _fails(code)
    assert (error.code, error.line) == (name, line)
    assert words in error.message
    assert "/" not in error.message.replace("1 / 0", "")
    if line is not None:
        assert error.text == code.splitlines()[line - 1].strip()


def test_names_that_are_left_become_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stdout", log)
    code = """
import json
from math import pi
class A:
    pass
def f():
    pass
a = A()
count = given + 1
rows = [(1, 2)]
when = {1, 2}
"""
    answer = PYTHON({"code": code, "vars": {"given": 1}})
    assert answer == {"outputs": {"pi": 3.141592653589793, "count": 2, "rows": [[1, 2]]}}
    left = [line.partition(": ")[2].split(" ")[0] for line in log.getvalue().splitlines()]
    assert left == ["json", "A", "f", "a", "when"]


def test_stages_share_nothing() -> None:
    PYTHON({"code": "kept = []\nclass A:\n    n = 1\nresult = 1"})
    assert _fails("kept.append(1)").message.startswith("NameError")
    variables: dict[str, Any] = {"rows": [1]}
    PYTHON({"code": "rows.append(2)\nrows = 5", "vars": variables})
    assert list(variables) == ["rows"]


def test_result_may_replace_a_variable_of_that_name() -> None:
    variables = {"result": 1, "x": 2}
    assert PYTHON({"code": "result = x", "vars": variables}) == {"outputs": {"result": 2}}
    assert PYTHON({"code": "y = result", "vars": variables}) == {"outputs": {"y": 1}}
    assert PYTHON({"code": "del result", "vars": variables})["outputs"] == {}
    assert PYTHON({"code": "result = None"}) == {"outputs": {"result": None}}


def test_code_is_remembered_by_its_text() -> None:
    operations = handlers({})
    for _ in range(3):
        assert operations["python"]({"code": "result = 1"}) == {"outputs": {"result": 1}}
    for number in range(400):
        answer = operations["python"]({"code": f"result = {number}"})
        assert answer == {"outputs": {"result": number}}


def test_check_lists_what_is_wrong_without_running() -> None:
    check = handlers({})["check"]
    assert check({"code": "while True: pass"}) == {"errors": []}
    errors = check({"code": "import os\nx = ("})["errors"]
    assert [(error["line"], error["text"]) for error in errors] == [(2, "x = (")]
    errors = check({"code": "import os\nx._a"})["errors"]
    assert [(error["line"], error["text"]) for error in errors] == [(1, "import os"), (2, "x._a")]


# --- expressions ------------------------------------------------------------------

NAMES: dict[str, Any] = {
    "params": {"n": 3, "name": "Ada", "tags": ["a", "b"], "items": 7},
    "stages": {"first": {"outputs": {"result": 4}}, "my-stage": {"outputs": {"x": None}}},
}


@pytest.fixture(scope="module")
def expressions() -> Handler:
    return handlers({})["expressions"]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("params.n + 1", 4),
        (" params.n * 2 ", 6),
        ("stages.first.outputs.result > params.n", True),
        ("stages['my-stage'].outputs.x is None", True),
        ("params.name.upper()", "ADA"),
        ("params.items", 7),
        ("params.get('zz', 0)", 0),
        ("[t for t in params.tags if t != 'a']", ["b"]),
        ("f'{params.name}-{params.n:03}'", "Ada-003"),
        ("'{0[name]}'.format(params)", "Ada"),
        ("{'a': (1, 2)}", {"a": [1, 2]}),
        ("sorted(params.keys())", ["items", "n", "name", "tags"]),
        ("len(params.tags) == 2 and 'yes' or 'no'", "yes"),
        ("(lambda x: x + params.n)(1)", 4),
        ("sum(x := n for n in range(4))", 6),
    ],
)
def test_expression_gives_its_value(expressions: Handler, source: str, value: Any) -> None:
    assert expressions({"sources": [source], "names": NAMES}) == [value]


def test_expressions_come_back_in_order_and_share_nothing(expressions: Handler) -> None:
    answer = expressions({"sources": ["(x := 1)", "params.n", "2"], "names": NAMES})
    assert answer == [1, 3, 2]
    with pytest.raises(GuestError, match="NameError"):
        expressions({"sources": ["(y := 1)", "y"], "names": NAMES})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("params.nme", "there is no 'nme'; did you mean 'name'?"),
        ("stages.last.outputs", "there is no 'last'; there are: first, my-stage"),
        ("stages['fist']", "did you mean 'first'?"),
        ("parms.n", "did you mean 'params'?"),
        ("params.n +", "SyntaxError"),
        ("params.n.__class__", "use type(x)"),
        ("params['__class__'].x", "there is no '__class__'"),
        ("x = 1", "SyntaxError"),
        ("open('x')", "open is not available"),
        ("[0 for (1).real[0] in [1]]", "can't be changed"),
        ("1 / 0", "ZeroDivisionError"),
        ("float('nan')", "the value is nan"),
        ("{1, 2}", "the value is a set"),
        ("params.tags.append", "the value is a builtin_function_or_method"),
        ("'{0.__class__}'.format(1)", "use type(x)"),
        ("", "SyntaxError"),
    ],
)
def test_expression_that_fails_says_why(expressions: Handler, source: str, words: str) -> None:
    with pytest.raises(GuestError) as caught:
        expressions({"sources": [source], "names": NAMES})
    assert caught.value.code == "EXPRESSION_ERROR"
    assert caught.value.text == source
    assert words in caught.value.message


def test_names_of_the_platform_are_not_changed_for_others(expressions: Handler) -> None:
    names: dict[str, Any] = {"a": {"b": 1}}
    assert expressions({"sources": ["a.b", "a.b"], "names": names}) == [1, 1]
    assert names == {"a": {"b": 1}}
