"""Blocks that serve as filters: there, allowed, and fit to take a value in an expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from blockyard_platform.admission.checks import check_allowed, report_missing
from blockyard_platform.errors import ExpressionError
from blockyard_platform.expressions import parse
from blockyard_platform.placeholders import pieces, texts
from blockyard_platform.syntax import Piped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockyard_blocks.blocks import Block
    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.syntax import FilterCall
    from blockyard_schemas.policy import Policy

_READ = ("stages", "jobs", "outputs")
_LIKELY = re.compile(r"\|\s*[A-Za-z_][A-Za-z0-9_]*\.")


def check_filters(
    document: dict[str, Any], policy: Policy, catalog: Catalog, report: Report
) -> None:
    """Report filters that name a block which is not there, not allowed, or cannot serve as a filter."""
    for key in _READ:
        for text, place in texts(document.get(key), (key,)):
            if not _LIKELY.search(text):
                continue
            for call in _blocks_in(text):
                block = catalog.find(call.name)
                if block is None:
                    report_missing(call.name, place, catalog, report)
                elif check_allowed(block, place, policy, report):
                    _check_fit(block, call, place, policy, report)


def _blocks_in(text: str) -> Iterator[FilterCall]:
    try:
        for literal, source in pieces(text):
            expression = None if literal else parse(source)
            if isinstance(expression, Piped):
                yield from (call for call in expression.calls if call.is_block)
    except ExpressionError:
        return  # reported where the expression is checked


def _check_fit(
    block: Block, call: FilterCall, place: Pointer, policy: Policy, report: Report
) -> None:
    most = len(block.signature.tenant)
    given = len(call.arguments) + 1
    needed = sum(parameter.required for parameter in block.signature.tenant)
    use = "use it in a stage of its own"
    if block.runs != "guest" or block.takes_variables:
        what = f"the block '{block.name}' does more than to give a value, and so cannot be a filter"
    elif policy.block_limit(block.name, block.limit) is not None:
        what = f"the use of the block '{block.name}' is limited, and so it cannot be a filter"
    elif not needed <= given <= most:
        names = ", ".join(parameter.name for parameter in block.signature.tenant)
        what = f"the block '{block.name}' takes ({names}), and is given {given} of them here"
        use = f"the value is its first, as in ${{{{ params.x | {block.name} }}}}"
    else:
        return
    report.add("unknown-filter", place, what, use)
