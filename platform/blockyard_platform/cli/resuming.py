"""A run of a server, done again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.cli.declared import given_params, params_of
from blockyard_platform.cli.report import note, print_json
from blockyard_platform.cli.showing import state_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blockyard_platform.cli.remote import Remote


def resume_there(
    remote: Remote,
    run_id: str,
    start: str | None,
    pairs: Sequence[str],
    params_file: str | None,
    *,
    reset: bool,
    wait: bool,
) -> int:
    """Do a run again: from what failed, from the stage ``start``, or (``reset``) all of it; return the exit code."""
    client, tenant = remote.client, remote.tenant

    def declared() -> Mapping[str, Any]:
        return params_of(client.get_run_document(run_id, tenant=tenant))

    params = given_params(pairs, params_file, declared)
    told = client.list_events(run_id, tenant=tenant) if wait else ()
    last = max((it.seq for it in told), default=0)
    found = client.resume_run(
        run_id, params=params or None, start=start, reset=reset, tenant=tenant
    )
    if wait:
        from blockyard_platform.cli.waiting import wait_for

        return wait_for(remote, found, last)
    if remote.out.as_json:
        print_json(found.model_dump(mode="json"))
    else:
        note(f"{found.id}: {state_words(found)}. Follow it: blockyard logs {found.id} -f")
    return 0
