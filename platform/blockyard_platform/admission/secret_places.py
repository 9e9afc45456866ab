"""Where a document refers to secrets: in the values of a host block's ``with``, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.placeholders import has_expression
from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.secrets.errors import SecretReferenceError
from blockyard_platform.secrets.names import NAME
from blockyard_platform.secrets.references import references
from blockyard_schemas.kinds import spellings
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.showing import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Found, Pointer
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.secrets.references import Place
    from blockyard_schemas.policy import Policy

_WITH = frozenset(spellings("with"))
_NAMES = _WITH | {"vars", "env", "params", "volume"}
"""Keys of a stage whose own mapping has names, one of which may be called secret."""

_INSIDE = frozenset({"stages", "match", "parallel", "try", "catch", "finally"})
"""Keys that hold stages, each of which is looked at by itself."""

_HINT = "hand it to a block that runs in the host, such as http.request, in a value of its `with`"


def check_secrets(
    document: dict[str, Any],
    stages: Sequence[Found],
    policy: Policy,
    catalog: Catalog,
    secrets: Secrets | None,
    report: Report,
) -> None:
    """Report references to secrets that stand where they reach no host block, that the policy forbids (FORBIDDEN_SECRET 141), or that lead nowhere."""
    checking = _Checking(policy, secrets, report)
    for found in stages:
        name = found.data.get("uses")
        block = catalog.find(name) if isinstance(name, str) else None
        for key, value in found.data.items():
            if key in _INSIDE or (key in _WITH and name is not None and block is None):
                continue  # a block that is not there is told of elsewhere
            pointer = (*found.pointer, key)
            for place in _places(value, pointer, names=key in _NAMES):
                if key not in _WITH or block is None:
                    checking.misplaced(place, f"'{key}' would show it to the guest")
                elif block.runs != "host":
                    checking.misplaced(place, f"the block '{block.name}' runs in the jail")
                elif block.keeps:
                    checking.misplaced(place, f"what '{block.name}' keeps is read by other runs")
                else:
                    checking.check(place)
    for place in _around(document):
        checking.misplaced(place, "this is data that everybody sees")


def _places(value: Any, pointer: Pointer, *, names: bool) -> Iterator[Place]:
    """Yield the references in a value; with ``names`` the value itself is a mapping of names to values, and none."""
    try:
        if names and is_mapping(value):
            for key, each in value.items():
                yield from references(each, (*pointer, key))
        elif not names or is_list(value):
            yield from references(value, pointer)
    except SecretReferenceError:
        return  # deeper than any document that is read


def _defaults(declared: Any, pointer: Pointer) -> Iterator[Place]:
    """Yield the references in the defaults of params."""
    for name, each in declared.items() if is_mapping(declared) else ():
        if is_mapping(each):
            yield from _places(each.get("default"), (*pointer, name, "default"), names=False)


def _around(document: dict[str, Any]) -> Iterator[Place]:
    """Yield the references outside of stages: defaults of params, outputs, matrices."""
    yield from _defaults(document.get("params"), ("params",))
    yield from _places(document.get("outputs"), ("outputs",), names=True)
    jobs = document.get("jobs")
    for name, job in jobs.items() if is_mapping(jobs) else ():
        if not is_mapping(job):
            continue
        yield from _places(job.get("outputs"), ("jobs", name, "outputs"), names=True)
        strategy = job.get("strategy")
        for key, value in strategy.items() if is_mapping(strategy) else ():
            place = ("jobs", name, "strategy", key)
            if key == "matrix":
                yield from _places(value, place, names=True)
            for index, row in enumerate(value if is_list(value) else ()):
                yield from _places(row, (*place, index), names=True)


class _Checking:
    """What is said of each reference; the names that there are, asked for once, and only when there is a reference."""

    def __init__(self, policy: Policy, secrets: Secrets | None, report: Report) -> None:
        self._policy = policy
        self._secrets = secrets
        self._report = report
        self._known: frozenset[str] | None = None
        self._asked = False

    def misplaced(self, place: Place, why: str) -> None:
        message = f"a secret is for host blocks alone, and {why}"
        self._report.instead("secret", place.path, message, _HINT)

    def check(self, place: Place) -> None:
        if has_expression(place.name):
            message = "the name of a secret is written out, and never computed"
            self._report.instead("secret", place.path, message, "choose between stages with if")
        elif not NAME.fullmatch(place.name):
            message = f"{shown(place.name)} cannot be the name of a secret"
            hint = "use letters, digits, _ and -, at most 100, and begin with a letter or _"
            self._report.instead("secret", place.path, message, hint)
        elif not self._policy.allows_secret(place.name):
            message = f"the policy does not allow the secret '{place.name}' (FORBIDDEN_SECRET 141)"
            allowed = ", ".join(self._policy.secrets[:8]) or "none"
            hint = f"secrets that it allows: {allowed}"
            self._report.instead("FORBIDDEN_SECRET", place.path, message, hint)
        elif self._secrets is None:
            message = f"secrets are not configured here, and '{place.name}' is one"
            hint = "give some: blockyard run --secrets FILE, or Runner(secrets=...)"
            self._report.instead("secret", place.path, message, hint)
        else:
            self._exists(place)

    def _exists(self, place: Place) -> None:
        if not self._asked and self._secrets is not None:
            from blockyard_platform.secrets.providers import names_of

            self._known, self._asked = names_of(self._secrets), True
        if self._known is None or place.name in self._known:
            return
        allowed = [name for name in sorted(self._known) if self._policy.allows_secret(name)]
        message = f"there is no secret '{place.name}'"
        hint = did_you_mean(place.name, allowed) or "set it, or take the reference out"
        self._report.instead("secret", place.path, message, hint)
