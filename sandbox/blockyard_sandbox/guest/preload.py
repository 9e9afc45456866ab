"""What happens in the zygote before it is closed: everything a guest may ever need is loaded."""

import codecs
import encodings
import gc
import hashlib
import pkgutil
import uuid
import zoneinfo

from blockyard_sandbox.guest.language import language
from blockyard_sandbox.guest.operations import handlers

_NOT_TEXT = frozenset({"mbcs", "oem", "idna", "punycode"})

_TRY_OUT = """
import json, re, decimal, random, statistics
from dataclasses import dataclass
from enum import Enum
@dataclass
class Row:
    key: str
    value: float = 0.0
class Color(Enum):
    RED = 1
rows = [Row("a", 1.5), Row("b")]
match rows[0]:
    case Row(key="a"):
        text = "{0.key:>5}".format(rows[0]) + f"{decimal.Decimal(1):.2f}"
result = json.loads(json.dumps([re.sub("a", "b", text), statistics.mean([1, 2]), random.random(), Color.RED.name]))
"""


def preload() -> None:
    """Import and touch what would otherwise be read from files later, then freeze it for cheap forks.

    Frozen are the few hundred objects of garbage, too: to look for them would take some milliseconds of every start.

    No file is readable afterwards but the time zones' data.  Touched by use, since the library imports these late:
    codecs, ``strptime``, hash functions, the first compilation.
    """
    language()
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in _NOT_TEXT:
            _touch_codec(module.name)
    zoneinfo.ZoneInfo("UTC")
    uuid.uuid4()
    for name in sorted(hashlib.algorithms_guaranteed):
        hashlib.new(name)
    _try_out()
    gc.freeze()


def _touch_codec(name: str) -> None:
    try:
        codecs.lookup(name)
    except LookupError:
        return


def _try_out() -> None:
    """Run a little of everything once, so that caches are warm and late imports are done."""
    operations = handlers({})
    operations["python"]({"code": _TRY_OUT})
    operations["expressions"]({"sources": ["a.b + 1"], "names": {"a": {"b": 1}}})
    operations["check"]({"code": "import nothing"})
