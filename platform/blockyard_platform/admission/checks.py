"""What a policy and the catalog say of a document's stages: kinds, blocks, counts, sizes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from blockyard_platform.admission.reporting import GuestText
from blockyard_platform.durations import seconds_of
from blockyard_platform.errors import StageFailureError
from blockyard_platform.placeholders import texts
from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.retrying import read_retry
from blockyard_schemas.kinds import BUILT, Kind, kind_of, spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blockyard_blocks.catalog import Block, Catalog
    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Found, Pointer
    from blockyard_schemas.policy import Policy


def check_kinds(stages: Sequence[Found], policy: Policy, report: Report) -> None:
    """Report kinds that are not built yet, and those that the policy forbids (FORBIDDEN_STAGE 129)."""
    for found in stages:
        kind = kind_of(found.data)
        if kind is None:
            continue
        if kind not in BUILT:
            report.add(
                "unsupported",
                found.pointer,
                f"stages of the kind '{kind}' are not supported yet",
                f"kinds that work: {', '.join(sorted(BUILT))}",
            )
        elif kind not in policy.stages:
            allowed = ", ".join(sorted(policy.stages)) or "none"
            report.add(
                "FORBIDDEN_STAGE",
                found.pointer,
                f"the policy forbids stages of the kind '{kind}' (FORBIDDEN_STAGE 129)",
                f"kinds that it allows: {allowed}",
            )


def check_ids(stages: Sequence[Found], report: Report) -> None:
    """Report each id that two stages of one list bear (DUPLICATE_STEP_IDS 104), at both places."""
    for found in stages:
        first = found.row.ids[found.id]
        if first == found.index:
            continue
        other = (*found.row.pointer, first)
        for here, there in ((found.pointer, other), (other, found.pointer)):
            report.add(
                "DUPLICATE_STEP_IDS",
                (*here, "id"),
                f"two stages bear the id '{found.id}' (DUPLICATE_STEP_IDS 104);"
                f" the other is at {report.place(there)}",
                "give one of them another id",
            )


def check_counts(stages: Sequence[Found], policy: Policy, report: Report, triggered: int) -> None:
    """Report too many declared stages (STEP_LIMIT_EXCEED 108), and stages that are nested too deep.

    ``triggered`` counts the stages of the workflows that the document triggers, once for each trigger.
    """
    if len(stages) + triggered > policy.steps:
        with_children = f", {triggered} of them in workflows that it triggers" if triggered else ""
        report.add(
            "STEP_LIMIT_EXCEED",
            stages[min(policy.steps, len(stages) - 1)].pointer,
            f"the document declares {len(stages) + triggered} stages at all depths{with_children},"
            f" and the policy allows {policy.steps} (STEP_LIMIT_EXCEED 108)",
            "split the workflow; this is the first stage that is too many",
        )
    for found in stages:
        if found.row.depth == policy.depth + 1 and found.index == 0:
            report.add(
                "policy-limit",
                found.pointer,
                f"stages are nested {found.row.depth} deep here, and the policy allows {policy.depth}",
                "move inner stages outwards",
            )


def check_loops(stages: Sequence[Found], policy: Policy, report: Report) -> None:
    """Report written-out lists of a foreach, and max-loop of an until, that the policy does not allow."""
    for found in stages:
        items, loops = found.data.get("foreach"), _max_loop(found.data)
        if (is_list(items) or is_mapping(items)) and len(items) > policy.foreach_items:
            report.add(
                "policy-limit",
                (*found.pointer, "foreach"),
                f"foreach over {len(items)} items, and the policy allows {policy.foreach_items}",
                "go over fewer items at once",
            )
        if loops is not None and loops[1] > policy.loop_iterations:
            report.add(
                "policy-limit",
                (*found.pointer, loops[0]),
                f"{loops[0]} is {loops[1]}, and the policy allows {policy.loop_iterations}",
                f"write {policy.loop_iterations} or less",
            )


def _max_loop(data: dict[str, Any]) -> tuple[str, int] | None:
    for key in spellings("max-loop"):
        value = data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return key, value
    return None


def check_values(document: dict[str, Any], stages: Sequence[Found], report: Report) -> None:
    """Report durations and retries that are written out and cannot be read."""
    _check_value(document, (), "timeout", seconds_of, report)
    jobs = document.get("jobs")
    for name, job in jobs.items() if is_mapping(jobs) else ():
        if is_mapping(job):
            _check_value(job, ("jobs", name), "timeout", seconds_of, report)
            _check_value(job, ("jobs", name), "retry", read_retry, report)
    for found in stages:
        for key in ("timeout", "sleep"):
            _check_value(found.data, found.pointer, key, seconds_of, report)
        wait = found.data.get("wait")
        if is_mapping(wait):
            _check_value(wait, (*found.pointer, "wait"), "for", seconds_of, report)
        else:
            _check_value(found.data, found.pointer, "wait", seconds_of, report)
        _check_value(found.data, found.pointer, "retry", read_retry, report)


def _check_value(
    data: dict[str, Any], pointer: Pointer, key: str, read: Callable[[Any], Any], report: Report
) -> None:
    value = data.get(key)
    if value is None or any(True for _ in texts(value)):
        return
    try:
        read(value)
    except (ValueError, StageFailureError) as error:
        if not report.knows((*pointer, key)):
            report.add("type", (*pointer, key), str(error))


def check_code(stages: Sequence[Found], policy: Policy, report: Report) -> None:
    """Report code that is larger than the policy allows; the rest of it is the guest's to judge."""
    most = policy.code_kib * 1024
    for found in stages:
        key = "bash" if "bash" in found.data else "run"
        code = found.data.get(key)
        if _bytes(code) > most:
            report.add(
                "policy-limit",
                (*found.pointer, key),
                f"the code is {_bytes(code)} bytes long, and the policy allows {most}",
                "split it over several stages, or make a block of it",
            )
        elif isinstance(code, str) and kind_of(found.data) is Kind.PYTHON:
            report.guest_texts.append(GuestText("code", (*found.pointer, key), code))


def _bytes(code: Any) -> int:
    return len(code.encode("utf-8", "replace")) if isinstance(code, str) else 0


def check_blocks(
    stages: Sequence[Found],
    policy: Policy,
    catalog: Catalog,
    report: Report,
    triggered: Counter[str],
) -> dict[str, int | None]:
    """Report blocks that do not exist, need tags that the tenant lacks, or are used too often.

    ``triggered`` counts uses in workflows that the document triggers; their own admission has looked at tags. Returns the limit of each block that is used, by its name.
    """
    limits: dict[str, int | None] = {}
    uses = Counter(triggered)
    for block_name, used in triggered.items():
        limits[block_name] = _limit_of(block_name, policy, catalog)
        trigger = next(it for it in stages if "trigger" in it.data)
        place = (*trigger.pointer, "trigger")
        _count(block_name, used, limits[block_name], place, report)
    for found in stages:
        name = found.data.get("uses")
        if not isinstance(name, str):
            continue
        block = catalog.find(name)
        place = (*found.pointer, "uses")
        if block is None:
            report_missing(name, place, catalog, report)
        elif check_allowed(block, place, policy, report):
            limits[block.name] = policy.block_limit(block.name, block.limit)
            uses[block.name] += 1
            _count(block.name, uses[block.name], limits[block.name], place, report)
    return limits


def _limit_of(name: str, policy: Policy, catalog: Catalog) -> int | None:
    block = catalog.find(name)
    return None if block is None else policy.block_limit(name, block.limit)


def report_missing(name: str, place: Pointer, catalog: Catalog, report: Report) -> None:
    """Report a block that the catalog does not have, and the nearest that it has."""
    near = catalog.suggest(name)
    hint = (
        f"did you mean '{near}'?" if near else "`blockyard blocks` lists the blocks that there are"
    )
    report.add(
        "BLOCK_NOT_FOUND", place, f"there is no block '{name[:80]}' (BLOCK_NOT_FOUND 102)", hint
    )


def check_allowed(block: Block, place: Pointer, policy: Policy, report: Report) -> bool:
    """Report a block that needs tags which the tenant lacks; return whether it may be used."""
    missing = [tag for tag in sorted(block.tags) if not policy.allows_tags([tag])]
    if missing:
        report.add(
            "FORBIDDEN_BLOCK",
            place,
            f"the policy does not allow the block '{block.name}': it lacks the tag"
            f"{'s' * (len(missing) > 1)} {', '.join(missing)} (FORBIDDEN_BLOCK 105)",
            "use another block, or ask an admin for the tag",
        )
    return not missing


def _count(name: str, used: int, limit: int | None, place: Pointer, report: Report) -> None:
    if limit is not None and used > limit:
        report.add(
            "BLOCK_LIMIT_EXCEED",
            place,
            f"the block '{name}' is used {used} times, and {limit} are allowed (BLOCK_LIMIT_EXCEED 109)",
            "use it less often",
        )
