"""What happens in the zygote before it is closed: everything a guest may ever need is loaded."""

import codecs
import datetime
import encodings
import gc
import hashlib
import pkgutil
import uuid
import zoneinfo

from blockyard_sandbox.guest.language import language
from blockyard_sandbox.guest.operations import handlers

_NOT_TEXT = frozenset({"mbcs", "oem", "idna", "punycode"})


def preload() -> None:
    """Import and touch what would otherwise be read from files later, then freeze it for cheap forks.

    No file is readable afterwards but the time zones' data.  Touched by use, since the library imports these late:
    codecs, ``strptime``, hash functions, the first compilation.
    """
    language()
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in _NOT_TEXT:
            _touch_codec(module.name)
    datetime.datetime.strptime("2026-01-02", "%Y-%m-%d")
    zoneinfo.ZoneInfo("UTC")
    uuid.uuid4()
    for name in sorted(hashlib.algorithms_guaranteed):
        hashlib.new(name)
    _try_out()
    gc.collect()
    gc.freeze()


def _touch_codec(name: str) -> None:
    try:
        codecs.lookup(name)
    except LookupError:
        return


def _try_out() -> None:
    """Run a little of everything once, so that caches are warm and late imports are done."""
    operations = handlers({})
    operations["python"](
        {
            "code": "import json\nx = [i for i in range(2)]\nclass A:\n    pass\n"
            "y = '{:>5}'.format(1)\nresult = json.dumps(x)"
        }
    )
    operations["expressions"]({"sources": ["a.b + 1"], "names": {"a": {"b": 1}}})
    operations["check"]({"code": "import nothing"})
