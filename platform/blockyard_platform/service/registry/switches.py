"""Kill switches: what is not to run any more, from now on: a tenant, a workflow, a block, an image, a package.

The platform's admins stop something for one tenant or for all, and a tenant's own people for their tenant. A tenant cannot lift
what the platform has set. A block's name can be that of a family (``http.*``). An image without tag and digest is every image of the
repository. Names are compared in one exact form, so that another spelling is no way around.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import ForbiddenError, InvalidError, NotFoundError
from blockyard_platform.service.registry.kinds import SwitchKind as SwitchKind  # noqa: PLC0414 - told on
from blockyard_platform.service.registry.names import text
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.tables import SWITCHES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

MOST = 1_000
"""Switches that one tenant's people can set."""

_KEY = (SWITCHES.c.owner, SWITCHES.c.tenant, SWITCHES.c.kind, SWITCHES.c.name)
_ORDER = Order("switches", _KEY)


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that is stopped: for ``tenant``, or for all (None); set by the tenant ``owner``, or by the platform (None)."""

    kind: SwitchKind
    name: str
    reason: str
    tenant: str | None
    owner: str | None
    author: str
    created: float

    @classmethod
    def of(cls, row: Any) -> Switch:
        """Return the switch of a row, given by column."""
        return cls(
            kind=SwitchKind(row["kind"]),
            name=row["name"],
            reason=row["reason"],
            tenant=row["tenant"] or None,
            owner=row["owner"] or None,
            author=row["author"],
            created=row["created"],
        )


@dataclass(frozen=True, slots=True)
class Switches:
    """The switches that concern a tenant: its own, and those for all."""

    tenant: str
    found: tuple[Switch, ...] = ()

    def against(self, uses: Iterable[tuple[SwitchKind, str]]) -> tuple[Switch, ...]:
        """Return those by which the tenant cannot run what uses these things; its own switch first. None: it can run."""
        if not self.found:
            return ()
        named = {(SwitchKind.TENANT, self.tenant)}
        named.update((kind, each) for kind, name in uses for each in _forms(kind, name))
        mine = (each for each in self.found if (each.kind, each.name) in named)
        order = sorted(mine, key=lambda it: (it.kind is not SwitchKind.TENANT, it.kind, it.name))
        return tuple(order)


def stop(
    work: Writing,
    caller: Caller,
    kind: SwitchKind,
    name: str,
    reason: str,
    *,
    tenant: str | None = None,
) -> Switch:
    """Stop something, for one tenant, or for all that are the caller's; a reason that was given before is replaced.

    Raises NotFoundError, ForbiddenError when a tenant's own people stop the tenant itself, InvalidError.
    """
    scope = listing(work, caller, Action.SWITCHES_WRITE, tenant)
    _refuse_own(caller, kind)
    row = {
        "owner": caller.tenant or "",
        "tenant": scope.tenant or "",
        "kind": kind.value,
        "name": _exact(kind, name),
        "reason": text("reason", reason, 1_000, least=1),
        "author": caller.who,
        "created": work.now,
    }
    if kind is SwitchKind.TENANT and row["name"] != row["tenant"]:
        raise InvalidError(
            "the switch of a tenant bears its name, and is for that tenant alone",
            "give the tenant's name both as `tenant` and as `name`",
        )
    if caller.tenant is not None:
        scope.lock(work)
        scope.limit(work, SWITCHES, MOST, "switches")
    changed = {key: row[key] for key in ("reason", "author", "created")}
    insert = work.insert(SWITCHES).values(**row)
    work.change(insert.on_conflict_do_update(index_elements=list(_KEY), set_=changed))
    work.entered.clear()
    _note(work, caller, "switches.stop", row)
    return Switch.of(row)


def lift(
    work: Writing,
    caller: Caller,
    kind: SwitchKind,
    name: str,
    *,
    tenant: str | None = None,
    owner: str | None = None,
) -> None:
    """Let something run again. Without ``owner`` it is what the caller's own side has set. Raises NotFoundError, ForbiddenError."""
    scope = listing(work, caller, Action.SWITCHES_WRITE, tenant)
    _refuse_own(caller, kind)
    try:
        exact = _exact(kind, name)
    except InvalidError:
        raise NotFoundError(f"switch of the {kind.value}", name) from None
    row = {
        "owner": (caller.tenant or "") if owner is None else owner,
        "tenant": scope.tenant or "",
        "kind": kind.value,
        "name": exact,
    }
    where = [SWITCHES.c[key] == value for key, value in row.items()]
    # What another side has set is, for a tenant's own people, not there to be lifted.
    foreign = caller.tenant is not None and row["owner"] != caller.tenant
    if foreign or not work.change(scope.delete(SWITCHES).where(*where)):
        raise NotFoundError(f"switch of the {kind.value}", name)
    work.entered.clear()
    _note(work, caller, "switches.lift", row)


def page(
    work: Reading,
    caller: Caller,
    tenant: str | None = None,
    ask: Ask = FIRST,
) -> Page[Switch]:
    """Return the switches that concern a tenant, or all that the caller may see."""
    scope = listing(work, caller, Action.SWITCHES_READ, tenant)
    return fetch(work, scope.shared(SWITCHES), _ORDER, ask, lambda row: Switch.of(row._mapping))


def stops(
    work: Reading, caller: Caller, tenant: str, uses: Iterable[tuple[SwitchKind, str]]
) -> tuple[Switch, ...]:
    """Return the switches by which a tenant cannot run what uses these things, as :meth:`Switches.against`."""
    scope = enter(work, caller, Action.SWITCHES_READ, tenant)
    rows = work.connection.execute(scope.shared(SWITCHES)).mappings()
    return Switches(tenant, tuple(map(Switch.of, rows))).against(uses)


def _refuse_own(caller: Caller, kind: SwitchKind) -> None:
    if kind is SwitchKind.TENANT and caller.tenant is not None:
        raise ForbiddenError("only the platform's admins switch a whole tenant", "ask one of them")


def _exact(kind: SwitchKind, name: str) -> str:
    """Return the one form of a name that stands in the table. Raises InvalidError."""
    text(f"name of the {kind.value}", name, 600, least=1)
    if kind is SwitchKind.PACKAGE:
        from packaging.utils import canonicalize_name

        return str(canonicalize_name(name))
    if kind is SwitchKind.IMAGE:
        forms = _image_forms(name)
        if not forms:
            raise InvalidError(f"{name[:80]!r} is not the name of an image", "such as alpine:3.20")
        return forms[-1] if "@" in name or ":" in name.rpartition("/")[2] else forms[0]
    return name


def _forms(kind: SwitchKind, name: str) -> list[str]:
    """Return all names of switches that stop a thing of this name."""
    if kind is SwitchKind.IMAGE:
        return _image_forms(name)
    if kind is SwitchKind.BLOCK:
        parts = name.split(".")
        return [name, *(".".join(parts[:count]) + ".*" for count in range(1, len(parts)))]
    if kind is SwitchKind.PACKAGE:
        from packaging.utils import canonicalize_name

        return [str(canonicalize_name(name))]
    return [name]


def _image_forms(name: str) -> list[str]:
    """Return an image's repository, then with its tag, then with its digest; none when the name cannot be read."""
    from blockyard_schemas.image_names import read_image

    try:
        image = read_image(name)
    except ValueError:
        return []
    tag = [] if image.tag is None else [f"{image.repository}:{image.tag}"]
    digest = [] if image.digest is None else [f"{image.repository}@{image.digest}"]
    return [image.repository, *tag, *digest]


def _note(work: Writing, caller: Caller, action: str, row: dict[str, Any]) -> None:
    thing = f"{row['kind']}/{row['name']}"
    details = {key: row[key] for key in ("owner", "reason") if key in row}
    work.note(caller, row["tenant"] or None, action, thing, **details)
