"""Texts that are made to cost much: each is a problem, and none takes much memory.

Each is read in a process of its own, which reports how far its memory rose.
"""

import gc
import json
import subprocess
import sys
import weakref

import pytest

from blockyard_schemas.findings import Findings
from blockyard_schemas.json_text import JsonText
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import ReadLimits, read
from blockyard_schemas.yaml_text import YamlText

MIB = 1024 * 1024
READ = """
import json, resource, sys
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import read
import yaml.cyaml
read("a: [b]"); read('{"a": ["b"]}')
text = eval(sys.stdin.read())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
rules = []
try:
    read(text)
except InvalidDocumentError as error:
    rules = [it.rule for it in error.problems]
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([rules, used.ru_maxrss - before, used.ru_utime - started]))
"""

LAUGHS = (
    "'a0: &a0 [' + 'x,' * 9 + 'x]\\n' + "
    "''.join(f'a{i}: &a{i} [' + f'*a{i - 1},' * 9 + f'*a{i - 1}]\\n' for i in range(1, 30))"
)
CASES = {
    "bytes": ("'a: ' + 'x' * (64 << 20)", "size"),
    "depth of flow": ("'[' * 500_000", "limit"),
    "depth of flow mappings": ("'{a: ' * 200_000", "limit"),
    "depth of blocks": ("'- ' * 500_000", "limit"),
    "depth of lines": ("'\\n'.join(' ' * i + 'a:' for i in range(1400))", "limit"),
    "depth of keys": ("'? ' * 500_000", "key"),
    "depth of JSON": ("'[' * 900_000 + ']' * 100", "limit"),
    "depth of JSON objects": ("'{\"a\":' * 150_000", "limit"),
    "billion laughs": (LAUGHS, "limit"),
    "quadratic text": ("'a: &a ' + 'x' * 500_000 + '\\nb: [' + '*a,' * 150_000 + ']'", "limit"),
    "many aliases": ("'a: &a x\\nb: [' + '*a,' * 200_000 + ']'", "limit"),
    "alias to itself": ("'a: &a [*a]'", "alias"),
    "duplicate keys": ("'a: 1\\n' * 170_000", "duplicate-key"),
    "duplicate keys of JSON": ("'{' + '\"a\": 1,' * 100_000 + '\"b\": 1}'", "duplicate-key"),
    "a number of a million digits": ("'a: ' + '9' * 1_000_000", "number"),
    "a number of base 16": ("'a: 0x' + 'f' * 1_000_000", "number"),
    "a float of a million digits": ("'a: 0.' + '9' * 1_000_000", "number"),
    "a number of JSON": ("'{\"a\": ' + '9' * 1_000_000 + '}'", "number"),
    "an exponent": ("'a: 1e' + '9' * 1_000_000", "number"),
    "NUL at the end": ("'a: ' + 'x' * 1_000_000 + chr(0)", "character"),
    "UTF-8 cut at the end": ("b'a: ' + b'x' * 1_000_000 + b'\\xc3'", "encoding"),
    "quotes that stay open": ("'a: \"' + 'x' * 1_000_000", "yaml"),
    "JSON quotes that stay open": ("'{\"a\": \"' + 'x' * 1_000_000", "json"),
    "many tags": ("'a: ' + '!' * 1_000_000", "tag"),
    "many values": ("'[' + '1,' * 500_000 + '1]'", "limit"),
}


@pytest.mark.parametrize(("text", "rule"), CASES.values(), ids=CASES)
def test_a_costly_text_is_a_problem(text: str, rule: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ], input=text, capture_output=True, text=True, check=True
    )
    rules, kib, _ = json.loads(done.stdout)
    assert rules[0] == rule
    assert kib < 100 * 1024


def rule_of(text: str, limits: ReadLimits) -> str | None:
    """Return the rule by which a text is refused."""
    try:
        read(text, limits=limits)
    except InvalidDocumentError as error:
        return error.problems[0].rule
    return None


def test_each_bound_holds_to_the_unit() -> None:
    assert rule_of("a: xx", ReadLimits(bytes=5)) is None
    assert rule_of("a: xx", ReadLimits(bytes=4)) == "size"
    assert rule_of("a: éé", ReadLimits(bytes=6)) == "size"
    assert rule_of("a: [[1]]", ReadLimits(depth=3)) is None
    assert rule_of("a: [[1]]", ReadLimits(depth=2)) == "limit"
    assert rule_of('{"a": [[1]]}', ReadLimits(depth=3)) is None
    assert rule_of('{"a": [[1]]}', ReadLimits(depth=2)) == "limit"
    assert rule_of("a: 123", ReadLimits(digits=3)) is None
    assert rule_of("a: 123", ReadLimits(digits=2)) == "number"
    assert rule_of("a: [1, 2]", ReadLimits(nodes=4)) is None
    assert rule_of("a: [1, 2]", ReadLimits(nodes=3)) == "limit"


def test_what_aliases_stand_for_counts() -> None:
    text = "a: &x [1, 2]\nb: *x\nc: *x\n"
    assert rule_of(text, ReadLimits(nodes=10)) is None
    assert rule_of(text, ReadLimits(nodes=9)) == "limit"
    assert rule_of(text, ReadLimits(aliases=1)) == "limit"
    assert rule_of("a: &x xxxx\nb: *x\n", ReadLimits(text=10)) is None
    assert rule_of("a: &x xxxx\nb: *x\n", ReadLimits(text=9)) == "limit"


def test_an_alias_deep_down_counts_its_own_depth() -> None:
    text = "a: &x [[1]]\nb: [[*x]]\n"
    assert rule_of(text, ReadLimits(depth=5)) is None
    assert rule_of(text, ReadLimits(depth=4)) == "limit"


@pytest.mark.parametrize("kind", [JsonText, YamlText])
@pytest.mark.parametrize("text", ['{"a": ["b"]}', '{"a": ['])
def test_a_text_that_was_read_is_not_kept_until_somebody_looks_for_garbage(
    kind: type[JsonText | YamlText], text: str
) -> None:
    reading = kind(text, ReadLimits(), Findings(None, 1))
    gone = weakref.ref(reading)
    gc.disable()
    try:
        if text.endswith("}"):
            assert reading.read() == {"a": ["b"]}
        else:
            with pytest.raises(InvalidDocumentError):
                reading.read()
        del reading
        assert gone() is None
    finally:
        gc.enable()
