"""Secrets in runs: resolved for host blocks just before they are called, and masked in all that is shown or kept."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from blockyard_platform.secrets.errors import SecretError
from blockyard_platform.secrets.providers import GivenSecrets
from blockyard_schemas.statuses import Code, Status

from .conftest import OTHER, POLICY, TOKEN, House

REF = {"secret": "TOKEN"}


def take(**given: Any) -> dict[str, Any]:
    return {"id": "it", "uses": "host.take", "with": given}


async def test_a_host_block_is_given_the_value_and_nobody_else_sees_it(house: House) -> None:
    given = {"value": REF, "seen": TOKEN[::-1]}
    result = await house.go({"id": "it", "uses": "host.see", "with": given})
    assert result.jobs["main"].stages["it"].outputs == {"result": True}
    assert TOKEN not in house.kept()


async def test_what_a_block_returns_is_masked_before_it_is_an_output(house: House) -> None:
    given = {"value": [{"a": REF}, "x"], "more": {"n": {"secret": "CRM_KEY"}}}
    result = await house.go(
        take(**given),
        {"id": "echo", "echo": "it said ${{ stages.it.outputs.result.value[0].a }}"},
        {"id": "fails", "raise": "${{ stages.it.outputs.result }}"},
        outputs={"all": "${{ stages.it.outputs }}"},
    )
    stages = result.jobs["main"].stages
    assert stages["it"].outputs["result"] == {"value": [{"a": "***"}, "x"], "more": {"n": "***"}}
    assert [line.text for line in result.logs] == ["it said ***"]
    assert stages["fails"].code is Code.RAISED
    assert TOKEN not in house.kept()
    assert OTHER not in house.kept()


async def test_expressions_beside_a_secret_are_filled(house: House) -> None:
    given = {"value": {"a": ["${{ params.p }}", REF]}, "more": "${{ params.p }}"}
    result = await house.go(take(**given), params={"p": "string"}, given={"p": "plain"})
    outputs = result.jobs["main"].stages["it"].outputs["result"]
    assert outputs == {"value": {"a": ["plain", "***"]}, "more": "plain"}


async def test_what_a_caller_gives_in_that_form_is_data(house: House) -> None:
    result = await house.go(
        take(value="${{ params.p }}", more="${{ params.list }}"),
        {"id": "f", "foreach": "${{ params.list }}", "stages": [take(value="${{ item }}")]},
        {"id": "again", "uses": "host.take", "with": {"value": "${{ stages.it.outputs.result }}"}},
        params={"p": "any", "list": "list"},
        given={"p": REF, "list": [REF]},
    )
    stages = result.jobs["main"].stages
    assert stages["it"].outputs["result"] == {"value": REF, "more": [REF]}
    assert stages["f"].outputs["results"] == [{"value": REF, "more": None}]
    assert stages["again"].outputs["result"]["value"] == {"value": REF, "more": [REF]}


async def test_a_parameter_may_be_called_secret(house: House) -> None:
    from blockyard_blocks import Catalog, Context, block

    @block(tags=set(), runs="host", name="host.named")
    def named(context: Context, *, secret: str) -> str:
        """Return its length.

        - secret: a text
        """
        return f"{len(secret)}"

    house.catalog = house.catalog.merge(Catalog.of(named))
    stages = [
        {"id": "a", "uses": "host.named", "with": {"secret": "TOKEN"}},
        {"id": "b", "uses": "host.named", "with": {"secret": REF}},
    ]
    found = (await house.go(*stages)).jobs["main"].stages
    assert found["a"].outputs["result"] == "5"
    assert found["b"].outputs["result"] == str(len(TOKEN))


async def test_the_whole_run_is_masked_from_the_first_time_on(house: House) -> None:
    """What was recorded before stands in the journal as it was; the result shows none of it."""
    result = await house.go(
        {"id": "early", "uses": "host.take", "with": {"value": "${{ params.p }}"}},
        take(value=REF),
        {"id": "late", "uses": "host.take", "with": {"value": "${{ params.p }}"}},
        params={"p": "string"},
        outputs={"p": "${{ params.p }}"},
        given={"p": f"<{TOKEN}>"},
    )
    stages = result.jobs["main"].stages
    assert stages["early"].outputs["result"]["value"] == "<***>"
    assert stages["late"].outputs["result"]["value"] == "<***>"
    assert result.outputs == {"p": "<***>"}


async def test_a_triggered_workflow_and_a_job_with_a_matrix(house: House) -> None:
    child = {
        "name": "child",
        "stages": [take(value=REF)],
        "outputs": {"o": "${{ stages.it.outputs }}"},
    }
    house.workflows = {"child": child}
    job = {
        "strategy": {"matrix": {"n": [1, 2]}},
        "stages": [{"id": "t", "trigger": "child"}, take(value=REF, more="${{ matrix.n }}")],
        "outputs": {"v": "${{ stages.it.outputs.result.value }}"},
    }
    result = await house.go(jobs={"a": job})
    assert result.success
    matrix = result.jobs["a"].matrix
    assert matrix is not None
    assert [each.outputs for each in matrix] == [{"v": "***"}, {"v": "***"}]
    assert TOKEN not in house.kept()


async def test_a_secret_that_a_block_asks_for(house: House) -> None:
    stages = [
        {"id": "a", "uses": "host.ask", "with": {"name": "TOKEN"}},
        {"id": "b", "uses": "host.ask", "with": {"name": "HIDDEN"}, "continue-on-error": True},
        {"id": "c", "uses": "host.ask", "with": {"name": "admin/X"}, "continue-on-error": True},
        {"id": "d", "uses": "host.ask", "with": {"name": "CRM_NONE"}},
    ]
    found = (await house.go(*stages)).jobs["main"].stages
    assert found["a"].outputs["result"] == "***"
    assert [found[name].code for name in "bc"] == [Code.FORBIDDEN_SECRET] * 2
    assert found["b"].error is not None
    assert found["b"].error["message"] == (
        "the policy does not allow the secret 'HIDDEN' (FORBIDDEN_SECRET 141)"
    )
    assert (found["d"].code, found["d"].outputs) == (Code.INVALID_ARGUMENT, {})
    assert found["d"].error is not None
    assert found["d"].error["message"] == "there is no secret 'CRM_NONE'"
    assert TOKEN not in house.kept()


class Wild:
    """A provider of which nothing is known before it is asked, and that may break."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    def reveal(self, name: str) -> str:
        self.asked.append(name)
        if self.error is not None:
            raise self.error
        return TOKEN


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SecretError("it is gone"), "it is gone"),
        (OSError(f"{TOKEN} at db.internal"), "the secret 'TOKEN' cannot be had (OSError)"),
    ],
)
async def test_a_provider_that_breaks_fails_the_stage_alone(
    house: House, error: Exception, told: str
) -> None:
    house.secrets = Wild(error)
    record = (await house.go(take(value=REF))).jobs["main"].stages["it"]
    assert (record.code, record.outputs) == (Code.INVALID_ARGUMENT, {})
    assert record.error is not None
    assert record.error["message"] == told


async def test_a_secret_is_asked_for_when_it_is_needed_and_not_in_a_dry_run(house: House) -> None:
    house.secrets = wild = Wild()
    await house.go({"id": "no", "if": False, **take(value=REF)})
    async with house.runner() as runner:
        document = {"name": "t", "stages": [take(value=REF)]}
        assert runner.admit(document).valid
        result = await runner.run(document, dry_run=True)
    assert result.jobs["main"].stages["it"].outputs == {"result": None}
    assert wild.asked == []
    await house.go(take(value=REF))
    assert wild.asked == ["TOKEN"]


async def test_a_secret_that_changes_during_a_run_is_masked_as_both(house: House) -> None:
    values = iter(["first value", "second value"])

    class Changing:
        def reveal(self, name: str) -> str:
            return next(values)

    house.secrets = Changing()
    result = await house.go(
        take(value=REF), {**take(value=REF, more="first value, second value"), "id": "b"}
    )
    assert result.jobs["main"].stages["b"].outputs["result"]["more"] == "***, ***"


async def test_the_password_of_a_url_is_masked_by_itself(house: House) -> None:
    house.secrets = GivenSecrets({"TOKEN": "postgresql://me:p%40ss+word@db/x"})
    said = "p%40ss+word or p@ss+word at db for me"
    result = await house.go(take(value=REF, more=said))
    assert result.jobs["main"].stages["it"].outputs["result"]["more"] == "*** or *** at db for me"


async def test_too_much_to_mask_is_not_revealed(house: House) -> None:
    house.secrets = GivenSecrets({"TOKEN": "x" * (129 << 10)})
    record = (await house.go(take(value=REF))).jobs["main"].stages["it"]
    assert record.code is Code.INVALID_ARGUMENT
    assert record.error is not None
    assert "more than 131072 bytes" in record.error["message"]


async def test_the_names_are_in_the_journal_and_a_run_that_goes_on_masks_again(
    house: House,
) -> None:
    gate = {"id": "gate", "if": "${{ params.stop }}", "raise": "stop"}
    last = {"id": "z", "uses": "host.take", "with": {"value": "${{ params.p }}"}}
    begun = {
        "params": {"stop": {"type": "boolean", "default": True}, "p": "string"},
        "given": {"p": "see " + TOKEN[::-1]},
        "run_id": "r",
    }
    assert not (await house.go(take(value=REF), gate, last, **begun)).success
    with closing(sqlite3.connect(house.journal)) as base:
        assert base.execute("select name, value from pins").fetchall() == [
            ("secret TOKEN", "revealed")
        ]
    house.secrets = None
    result = await house.resume("r", params={"stop": False})
    assert (result.status, result.problems[0].rule) == (Status.FAILED, "secret")
    house.secrets = GivenSecrets({"TOKEN": TOKEN[::-1]})  # changed meanwhile
    result = await house.resume("r", params={"stop": False})
    assert result.success
    assert result.jobs["main"].stages["z"].outputs["result"]["value"] == "see ***"


async def test_a_secret_that_is_gone_when_a_run_goes_on(house: House) -> None:
    gate = {"id": "gate", "if": "${{ params.stop }}", "raise": "stop"}
    asks = {"id": "a", "uses": "host.ask", "with": {"name": "TOKEN"}}
    params = {"stop": {"type": "boolean", "default": True}}
    await house.go(asks, gate, params=params, run_id="r")
    house.secrets = GivenSecrets({})
    result = await house.resume("r", params={"stop": False})
    assert result.success
    assert [line.text for line in result.logs] == [
        "the secret TOKEN cannot be had any more, so that it is not masked from now on"
    ]


async def test_a_run_without_secrets_makes_no_masker(house: House) -> None:
    from blockyard_platform.engine.hidden import Hidden
    from blockyard_schemas.policy import Policy

    hidden = Hidden(house.secrets, Policy.model_validate(POLICY))
    data = {"a": [TOKEN]}
    assert await hidden.data(data) is data
    assert hidden.text(TOKEN) is TOKEN
    assert hidden.reveal("TOKEN") == TOKEN
    assert await hidden.data(data) == {"a": ["***"]}
    heavy = {"a": ["x" * 200_000, TOKEN]}
    assert await hidden.data(heavy) == {"a": ["x" * 200_000, "***"]}
    assert TOKEN not in repr(hidden) + repr(house.secrets)


async def test_a_run_that_is_cancelled_in_the_middle_ends_and_has_its_names(house: House) -> None:
    from blockyard_blocks import Catalog, Context, block

    asked = asyncio.Event()

    @block(tags=set(), runs="host", name="host.wait")
    async def wait(context: Context) -> None:
        """Ask for a secret, log its beginning, and go on for ever."""
        context.log(context.secret("TOKEN")[:5])
        asked.set()
        await asyncio.Event().wait()

    house.catalog = house.catalog.merge(Catalog.of(wait))
    async with house.runner() as runner:
        document = {"name": "t", "stages": [{"id": "it", "uses": "host.wait"}]}
        handle = runner.start(document, run_id="r")
        await asyncio.wait_for(asked.wait(), 120)
        handle.cancel()
        result = await asyncio.wait_for(handle.result(), 120)
    assert result.status is Status.CANCEL
    # What might have become the secret did not: the line is given when the call ends.
    assert [line.text for line in result.logs] == [TOKEN[:5]]
    with closing(sqlite3.connect(house.journal)) as base:
        assert base.execute("select name from pins").fetchall() == [("secret TOKEN",)]


async def test_nothing_stops_a_run_while_its_result_is_masked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blockyard_platform.engine.hidden import Hidden

    both, go_on = asyncio.Event(), asyncio.Event()
    masking: list[int] = []
    real = Hidden.result

    async def slow(self: Hidden, result: Any) -> Any:
        masking.append(1)
        if len(masking) == 2:
            both.set()
        await go_on.wait()
        return await real(self, result)

    monkeypatch.setattr(Hidden, "result", slow)
    async with house.runner() as runner:
        document = {"name": "t", "stages": [take(value=REF)]}
        handles = [runner.start(document, run_id=name) for name in ("a", "b")]
        await asyncio.wait_for(both.wait(), 120)
        handles[0].cancel()
        handles[1].abandon("another process has it")
        go_on.set()
        first, second = [await asyncio.wait_for(it.result(), 120) for it in handles]
    assert [it.status for it in (first, second)] == [Status.SUCCESS] * 2
    with closing(sqlite3.connect(house.journal)) as base:
        rows = base.execute("select id, status from runs order by id").fetchall()
    assert rows == [("a", "SUCCESS"), ("b", "SUCCESS")]
