"""What a plan uses, by the names that kill switches have: workflows, blocks, images, packages.

Two things are known only when they are there, and have to be looked at then: an image whose name an expression gives, and a
package that another one brings along. ``Uses.open`` says whether a plan has either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.plan import Image, Plan, Trigger, Virtual
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.syntax import Piped
from blockyard_platform.templates import Template

if TYPE_CHECKING:
    from typing import TypeAlias

    Use: TypeAlias = tuple[SwitchKind, str]


@dataclass(frozen=True, slots=True)
class Uses:
    """What is ``named``, and the kinds of things that may come besides (``open``)."""

    named: frozenset[Use]
    open: frozenset[SwitchKind] = frozenset()


NO_USES = Uses(frozenset())


def uses_of(plan: Plan) -> Uses:
    """Return what a plan uses, with the workflows that it triggers at any depth."""
    named: set[Use] = set()
    may_come: set[SwitchKind] = set()
    plans = {plan.name: plan, **plan.children}
    for name, each in plans.items():
        named |= {(SwitchKind.WORKFLOW, name), (SwitchKind.WORKFLOW, each.name)}
        named |= {(SwitchKind.BLOCK, block) for block in each.block_limits}
        for part in _parts((each.jobs, each.outputs)):
            named.update(_named(part))
            may_come.update(_open(part))
    return Uses(frozenset(named), frozenset(may_come))


def _named(part: Any) -> Iterator[Use]:
    if isinstance(part, Template):
        for asked in part.guest:
            calls = asked.calls if isinstance(asked, Piped) else ()
            yield from ((SwitchKind.BLOCK, call.name) for call in calls if call.is_block)
    elif isinstance(part, Trigger):
        yield SwitchKind.WORKFLOW, part.workflow
    elif isinstance(part, Virtual):
        yield from ((SwitchKind.PACKAGE, _package(text)) for text in part.requirements)
    elif isinstance(part, Image) and (image := _image(part)) is not None:
        yield SwitchKind.IMAGE, image


def _open(part: Any) -> Iterator[SwitchKind]:
    if isinstance(part, Virtual):
        yield SwitchKind.PACKAGE
    elif isinstance(part, Image) and _image(part) is None:
        yield SwitchKind.IMAGE


def _image(image: Image) -> str | None:
    """Return an image's exact name, or None when it is not written out."""
    from blockyard_schemas.image_names import read_image

    name, tag = image.inputs.written("image"), image.inputs.written("tag")
    if not isinstance(name, str) or (tag is None and image.inputs.mentions("tag")):
        return None
    return str(read_image(name, tag))


def _package(requirement: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(requirement).name


def _parts(thing: Any) -> Iterator[Any]:
    """Yield jobs, stages, bodies and templates, at every depth."""
    heap: list[Any] = [thing]
    while heap:
        thing = heap.pop()
        if type(thing) is tuple:
            heap += thing
        elif isinstance(thing, Template):
            yield thing
        elif is_dataclass(thing) and not isinstance(thing, type):
            yield thing
            heap.extend(getattr(thing, it.name) for it in fields(thing))
