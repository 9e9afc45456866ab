"""A walker over everything that restricted code can reach: nothing on the way may be the interpreter's.

It starts from the builtin names and the facades, reads every attribute that the guards let pass, calls what can
be called with sample arguments, looks into containers, iterators, context managers and the exceptions that are raised,
and goes on from what it gets, breadth first.  It knows nothing of what is allowed: it asks the guards.
"""

import builtins
import collections
import contextlib
import gc
import inspect
import io
import itertools
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from blockyard_sandbox.guest.classes import ClassMaker
from blockyard_sandbox.guest.compiling import Compiler
from blockyard_sandbox.guest.facade import Facade
from blockyard_sandbox.guest.facades.part import Tools
from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.guards import Managed
from blockyard_sandbox.guest.language import Language, language
from blockyard_sandbox.guest.own import kind_of
from blockyard_sandbox.guest.reading import Readers
from blockyard_sandbox.guest.running import Stages
from blockyard_sandbox.guest.writing import Augmented

FORBIDDEN_TYPES: set[Any] = {
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    types.TracebackType,
    types.CellType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MappingProxyType,
    memoryview,
    io.IOBase,
}
IN_MEMORY: set[Any] = {io.StringIO, io.BytesIO}
FORBIDDEN_OBJECTS = {
    id(thing): name
    for name, thing in {
        "type": type,
        "builtins": builtins.__dict__,
        "modules": sys.modules,
        "open": open,
        "eval": eval,
        "exec": exec,
        "compile": compile,
        "globals": globals,
        "locals": locals,
        "vars": vars,
        "dir": dir,
        "input": input,
        "breakpoint": breakpoint,
        "__import__": builtins.__import__,
        "getattr": getattr,
        "setattr": setattr,
        "delattr": delattr,
        "hasattr": hasattr,
        "str.format": str.format,
        "str.format_map": str.format_map,
        "object.__subclasses__": type.__subclasses__,
        "exit": sys.exit,
    }.items()
}


def _take(*_: Any) -> None:
    """Take anything: a sample of a function."""


NUMBERS: list[Any] = [3, 1, 2]
SAMPLES: tuple[tuple[Any, ...], ...] = (
    (),
    ("a b",),
    (2,),
    (NUMBERS,),
    ({"a": 1},),
    ("%Y", "2024"),
    (2, 3),
    ("x", "y z"),
    ([1, 2], 1),
    (len, [[1], [2]]),
    ((1, 2, 3),),
    (b"ab",),
    (b"ab", b"c", "sha256"),
    ("a", "b", "ab"),
    (2024, 2, 3),
    (1.5,),
    (_take,),
    ([{"a": 1}], ["a"]),
    (io.StringIO("a,b\n1,2\n"), ["a"]),
)
EXPANDED_OF_A_GROUP = 25
"""So many of a kind are looked into: values of one type, methods of one name, multiply without end."""
MACHINERY = (ClassMaker, Compiler, Readers, Stages, Augmented, Managed, Tools)
SKIPPED = {
    "sleep": "it only waits",
    "factorial": "it only computes",
    "perm": "it only computes",
    "scrypt": "it takes its time",
    "pbkdf2_hmac": "it takes its time",
    "_class_": "called by class statements, not by name",
    "clear": "it would empty what others still look at",
}
CODE = """
import collections, contextlib, copy, csv, dataclasses, datetime, decimal, enum, functools, io, itertools
import json, operator, random, re, string, typing, uuid, zoneinfo, hashlib, hmac, statistics, calendar, urllib.parse
class Plain:
    kind = 1
    def __init__(self):
        self.x = 1
    def method(self):
        return super()
    @property
    def prop(self):
        return self
    @staticmethod
    def static():
        return 1
    @classmethod
    def make(cls):
        return cls()
class Text(str):
    def parent(self):
        return super()
class Table(dict):
    pass
class Colour(enum.Enum):
    RED = 1
class Rights(enum.IntFlag):
    READ = 1
class Failure(AttributeError):
    pass
Pair = collections.namedtuple("Pair", "a b")
class Place(typing.NamedTuple):
    name: str = "x"
@dataclasses.dataclass
class Row:
    key: str = "k"
    items: list = dataclasses.field(default_factory=list)
class Generic(typing.Generic[typing.TypeVar("T")]):
    pass
def generator():
    yield 1
@contextlib.contextmanager
def manager():
    yield 1
@functools.lru_cache
def cached():
    return 1
def failing(kind):
    try:
        if kind == 0: 1 / 0
        if kind == 1: Plain().nope
        if kind == 2: undefined_name
        if kind == 3: json.loads("{")
        if kind == 4: re.compile("(")
        if kind == 5: "\\ud800".encode()
        if kind == 6: next(iter([]))
        if kind == 7: decimal.Decimal("x")
        if kind == 8: zoneinfo.ZoneInfo("No/Where")
        if kind == 9: int("x")
        if kind == 10: math
        if kind == 11: getattr(1, "__class__")
        if kind == 12: raise Failure("x")
    except Exception as error:
        return error
found = [
    Plain, Plain(), Plain().method, Plain().method(), Plain.prop, Plain.static, Plain.make, Text("a"), Text("a").parent(),
    Table(a=1), Colour, Colour.RED, Rights.READ, Pair, Pair(1, 2), Place(), Row, Row(), Generic[int], Generic, generator,
    generator(), manager(), cached, cached.cache_info(), lambda: 0, [failing(n) for n in range(13)], dataclasses.fields(Row),
    type(Plain()), type(lambda: 0), type(generator()), type(json), type(Plain), csv.reader(["a"]), csv.DictReader(["a", "b"]),
    csv.writer(io.StringIO()), csv.DictWriter(io.StringIO(), ["a"]), datetime.datetime.now(datetime.timezone.utc),
    datetime.date(2024, 1, 1).timetuple(), decimal.Decimal(1).as_tuple(), decimal.localcontext(), decimal.getcontext(),
    random.Random(1), re.compile("(?P<n>a)"), re.match("(?P<n>a)", "a"), string.Template("$a"), uuid.uuid4(),
    zoneinfo.ZoneInfo("UTC"), hashlib.sha256(), hashlib.blake2b(), hmac.new(b"", b"", "md5"), statistics.NormalDist(),
    statistics.linear_regression([1, 2], [3, 4]), calendar.Calendar(), urllib.parse.urlparse("http://a:1/b"),
    itertools.groupby("aab"), itertools.tee([1]), functools.partial(len, []), functools.cmp_to_key(len), operator.itemgetter(0),
    operator.attrgetter("a"), {}.keys(), {}.items(), collections.ChainMap({}), typing.Optional[int], typing.NewType("N", int),
    iter([]), iter({}), reversed([]), map(len, []), zip(), enumerate([]), range(3), slice(1), io.StringIO("a"), NotImplemented, ...,
]
"""


class Walker:
    """Walks breadth first; ``bad`` holds the paths to what must not be reached."""

    def __init__(self, tongue: Language, limit: int) -> None:
        self._tongue = tongue
        self._read = tongue.builtins["getattr"]
        self._left = limit
        self._seen: dict[int, Any] = {}
        self._groups: collections.Counter[Any] = collections.Counter()
        self._calls: collections.Counter[str] = collections.Counter()
        self._queue: collections.deque[tuple[str, Any]] = collections.deque()
        self.bad: list[str] = []
        self.kinds: collections.Counter[type] = collections.Counter()

    def start(self, path: str, thing: Any) -> None:
        """Look at one thing, and remember to go on from it."""
        if id(thing) in self._seen:
            return
        self._seen[id(thing)] = thing
        self.kinds[type(thing)] += 1
        if self._is_bad(thing):
            self.bad.append(path)
            return
        group = _group(thing)
        self._groups[group] += 1
        if self._groups[group] <= EXPANDED_OF_A_GROUP:
            self._queue.append((path, thing))

    def run(self) -> int:
        """Go on until nothing is left; return how many things were seen."""
        while self._queue and self._left:
            self._left -= 1
            path, thing = self._queue.popleft()
            for step, found in itertools.chain(
                self._attributes(thing), self._items(thing), self._call(path, thing)
            ):
                self.start(path + step, found)
        return len(self._seen)

    @property
    def finished(self) -> bool:
        """Say whether nothing was left to look at."""
        return not self._queue

    def _is_bad(self, thing: Any) -> bool:
        if id(thing) in FORBIDDEN_OBJECTS or isinstance(thing, MACHINERY):
            return True
        if isinstance(getattr(thing, "__self__", None), MACHINERY):
            return True
        if _is_metaclass(thing):
            return True
        bases = set(type.mro(kind_of(thing)))
        if bases & FORBIDDEN_TYPES and not bases & IN_MEMORY:
            return not _is_group_index(thing)
        if kind_of(thing) is dict and "__builtins__" in thing:
            return True
        return isinstance(thing, types.BuiltinMethodType) and (
            (isinstance(thing.__self__, str) and thing.__name__ in {"format", "format_map"})
            or (isinstance(thing.__self__, type) and thing.__name__ in {"mro", "__subclasses__"})
        )

    def _attributes(self, thing: Any) -> Iterator[tuple[str, Any]]:
        names: set[Any] = {name for base in type.mro(kind_of(thing)) for name in vars(base)}
        if isinstance(thing, type):
            names |= {name for base in type.mro(thing) for name in vars(base)}
        own: Iterable[Any] = getattr(thing, "__dict__", ())
        names |= set(own)
        names |= {
            "format",
            "mro",
            "__globals__",
            "gi_frame",
            "__self__",
            "obj",
            "func",
            "codecs",
            "sys",
        }
        if isinstance(thing, Facade):
            names |= {name for module in self._tongue.catalogue.values() for name in module}
        for name in sorted(name for name in names if isinstance(name, str)):
            try:
                found = self._read(thing, name)
            except RestrictedCodeError:
                continue
            except Exception as error:  # noqa: BLE001 (whatever a stage may catch)
                if type(error) is not AttributeError:
                    self._look_at_error(name, error)
            else:
                yield f".{name}", found

    def _look_at_error(self, step: str, error: BaseException) -> None:
        """Read what a stage could read of an exception that it catches."""
        for name in ("args", "obj", "name", "value", "filename", "object", "msg", "doc", "pattern"):
            with contextlib.suppress(Exception):
                self.start(f"{step}!{type(error).__name__}.{name}", self._read(error, name))

    def _items(self, thing: Any) -> Iterator[tuple[str, Any]]:
        kind: Any = kind_of(thing)
        bases = set(type.mro(kind))
        with contextlib.suppress(Exception):
            if dict in bases:
                pairs: list[tuple[Any, Any]] = list(thing.items())
                yield from ((f"[{key!r}]", value) for key, value in pairs[:50])
            elif not bases & {str, bytes}:
                items: list[Any] = list(itertools.islice(iter(thing), 20))
                for index, item in enumerate(items):
                    yield f"<{index}>", item
        if hasattr(kind, "__enter__"):
            with contextlib.suppress(Exception):
                yield ".enter()", kind.__enter__(thing)

    def _call(self, path: str, thing: Any) -> Iterator[tuple[str, Any]]:
        name = path.rpartition(".")[2]
        key = f"{kind_of(getattr(thing, '__self__', None)).__name__}.{name}"
        self._calls[key] += 1
        if not callable(thing) or name in SKIPPED or self._calls[key] > 6:
            return
        for number, sample in enumerate(SAMPLES):
            try:
                made = thing(*sample)
            except BaseException as error:  # noqa: BLE001 (whatever a stage may catch)
                self._look_at_error(f"{path}({number})", error)
            else:
                yield f"({number})", made


def _is_metaclass(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, type)


def _group(thing: Any) -> Any:
    """Return what a thing is one of: a method of a type, a value of a type, or itself alone."""
    if isinstance(thing, types.FunctionType | type):
        return id(thing)
    owner = getattr(thing, "__self__", None)
    return type(thing), type(owner), str(getattr(thing, "__name__", ""))


def _is_group_index(thing: Any) -> bool:
    """A pattern's ``groupindex`` is a read-only view of texts and numbers, as in Python."""
    if kind_of(thing) is not types.MappingProxyType:
        return False
    view: dict[Any, Any] = dict(thing)
    return all(type(key) is str and type(value) is int for key, value in view.items())


def _stage_objects(tongue: Language) -> Iterable[Any]:
    """Run a stage that makes one of everything, and return what it holds."""
    compiled = Compiler(tongue.catalogue).compile(CODE)
    namespace: dict[str, Any] = {"__builtins__": dict(tongue.builtins), "__name__": "stage"}
    exec(compiled.code, namespace)  # noqa: S102
    found: list[Any] = namespace["found"]
    return found


@pytest.fixture(scope="module")
def walked() -> Iterator[tuple[Walker, int]]:
    tongue = language()
    walker = Walker(tongue, limit=60_000)
    for name, thing in tongue.builtins.items():
        if not name.startswith("_"):
            walker.start(name, thing)
    for module, names in tongue.catalogue.items():
        walker.start(module, tongue.builtins["_import_"](module))
        for name, thing in names.items():
            walker.start(f"{module}.{name}", thing)
    for index, thing in enumerate(_stage_objects(tongue)):
        walker.start(f"found[{index}]", thing)
    stdout, sys.stdout = sys.stdout, io.StringIO()
    try:
        count = walker.run()
    finally:
        sys.stdout = stdout
    yield walker, count
    del walker
    gc.collect()


def test_nothing_of_the_interpreter_can_be_reached(walked: tuple[Walker, int]) -> None:
    walker, _ = walked
    assert walker.bad == [], "\n".join(walker.bad)


def test_the_walk_went_far(walked: tuple[Walker, int]) -> None:
    walker, count = walked
    assert count > 5_000
    assert walker.finished
    assert len(walker.kinds) > 150


def _frame() -> Any:
    return inspect.currentframe()


@pytest.mark.parametrize(
    ("name", "thing"),
    [("module", sys), ("frame", _frame()), ("open", open), ("builtins", builtins.__dict__)],
)
def test_the_walker_would_notice(name: str, thing: Any) -> None:
    walker = Walker(language(), limit=3_000)
    start = [[{"deep": thing}]]
    walker.start("start", start)
    walker.run()
    assert walker.bad == ["start<0><0>['deep']"]
