"""Containers and iterators: collections, collections.abc, itertools, heapq, bisect, copy."""

import bisect
import collections
import collections.abc
import copy
import heapq
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from blockyard_sandbox.guest.facade import Facade
from blockyard_sandbox.guest.facades.part import Part, Tools, pick
from blockyard_sandbox.guest.known import DICT

DEQUE = """append appendleft clear copy count extend extendleft index insert maxlen pop popleft remove reverse
rotate"""

ABSTRACT = """Callable Collection Container Generator Hashable ItemsView Iterable Iterator KeysView Mapping
MappingView MutableMapping MutableSequence MutableSet Reversible Sequence Set Sized ValuesView"""

# The mixin methods that a class gets from its abstract base.
MIXINS = """add append clear count discard extend get index insert isdisjoint items keys pop popitem remove
reverse setdefault update values close send throw"""

ITERTOOLS = """accumulate batched chain combinations combinations_with_replacement compress count cycle
dropwhile filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest"""

HEAPQ = "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest"
BISECT = "bisect bisect_left bisect_right insort insort_left insort_right"


def make_named_tuple(adopt: Callable[[type], type]) -> Callable[..., type]:
    """Return ``namedtuple``, whose classes are the stage's own.

    The library builds source from the names, after it has checked that each is a plain identifier without a
    leading underscore.  ``module`` is left out: nothing here has one.
    """

    def namedtuple(
        typename: str,
        field_names: str | Iterable[str],
        *,
        rename: bool = False,
        defaults: Iterable[Any] | None = None,
    ) -> type:
        make: Callable[..., type] = collections.namedtuple
        return adopt(make(typename, field_names, rename=rename, defaults=defaults))

    return namedtuple


def copy_of(value: Any) -> Any:
    """Return a shallow copy."""
    return copy.copy(value)


def deep_copy_of(value: Any) -> Any:
    """Return a deep copy; without ``memo``, which would show the dictionaries behind objects."""
    return copy.deepcopy(value)


def part(tools: Tools) -> Part:
    """Build the facades of containers."""
    abstract = pick(collections.abc, ABSTRACT)
    iterators = pick(itertools, ITERTOOLS)
    return Part(
        {
            "collections": {
                **pick(collections, "ChainMap Counter OrderedDict defaultdict deque"),
                "namedtuple": make_named_tuple(tools.adopt),
                "abc": Facade("collections.abc", abstract),
            },
            "collections.abc": abstract,
            "itertools": iterators,
            "heapq": pick(heapq, HEAPQ),
            "bisect": pick(bisect, BISECT),
            # Hooks like __copy__ and __reduce__ can't be defined in a stage, so a copy runs no code of its own.
            "copy": {"copy": copy_of, "deepcopy": deep_copy_of},
        },
        (
            (collections.Counter, f"{DICT} elements most_common subtract total"),
            (collections.defaultdict, f"{DICT} default_factory"),
            (collections.OrderedDict, f"{DICT} move_to_end"),
            (collections.ChainMap, f"{DICT} maps new_child parents"),
            (collections.deque, DEQUE),
            *((kind, MIXINS) for kind in abstract.values()),
            *(
                (kind, "from_iterable" if kind is itertools.chain else "")
                for kind in iterators.values()
                if isinstance(kind, type)
            ),
        ),
        (
            collections.Counter,
            collections.OrderedDict,
            collections.defaultdict,
            collections.deque,
            *abstract.values(),
        ),
    )
