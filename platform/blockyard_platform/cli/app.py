"""The command tree, and the one place that turns errors into exit codes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import note, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "run": "Run a workflow on this machine.",
    "validate": "Check a workflow without running it.",
    "plan": "Show what a run may come to, without running it.",
    "test": "Run the tests that stand in a workflow.",
    "schema": "Print the JSON Schema of workflows under a policy.",
    "resume": "Take up a run of a journal, or of a server, where it was left.",
    "runs": "Show the runs of a server, or of a journal.",
    "tasks": "Run Python callables as tasks.",
    "blocks": "List the blocks that a policy allows.",
    "convert": "Write our document for one of another system.",
    "serve": "Serve the API, and execute the runs of many tenants.",
    "worker": "Execute runs of a service, beside others.",
    "login": "Keep a server, and a token for it.",
    "logout": "Take away what login has kept.",
    "submit": "Have a workflow run on a server.",
    "logs": "Show what a run on a server prints.",
    "cancel": "Cancel a run on a server.",
    "approve": "Answer what a run on a server waits for.",
    "tenants": "Show and change tenants, and what they may use.",
    "tokens": "Make and revoke tokens.",
    "policy": "Show and change a tenant's policy; see what another would refuse.",
    "workflows": "Store workflows on a server, and show them.",
    "schedules": "Say when stored workflows are run.",
    "webhooks": "Say who is told when runs end or ask.",
    "secrets": "Store secrets on a server.",
    "switches": "Stop what is not to run any more.",
    "config": "Show the settings of the service, and where they come from.",
    "backup": "Write a backup of a data folder, also while the service runs.",
    "restore": "Bring a backup back into an empty data folder.",
    "audit": "Verify an exported audit log.",
    "doctor": "Try each layer of the sandbox on this machine.",
}

_SERVED = frozenset(
    {
        "login",
        "submit",
        "runs",
        "logs",
        "cancel",
        "approve",
        "tenants",
        "tokens",
        "policy",
        "workflows",
        "schedules",
        "webhooks",
        "secrets",
        "switches",
    }
)
"""Those whose one JSON object has nothing but problems when nothing was done."""


class Commands(click.Group):
    """A group whose commands are imported when they are called, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order of a first visit."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return its ``command``."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"blockyard_platform.cli.{cmd_name}")
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when one is misspelt."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"There is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="blockyard", prog_name="blockyard")
def app() -> None:
    """Run workflows of blocks and Python stages that other people wrote, in a jail."""


def invoke(arguments: Sequence[str]) -> int:
    """Run the command line with these arguments; return the exit code."""
    try:
        outcome: object = app.main(list(arguments), prog_name="blockyard", standalone_mode=False)
    except click.exceptions.Abort:
        note("Interrupted.")
        return Exit.INTERRUPTED
    except click.ClickException as error:
        return _usage(error, arguments)
    except KeyboardInterrupt:
        note("Interrupted.")
        return Exit.INTERRUPTED
    return outcome if isinstance(outcome, int) else Exit.SUCCESS


def _usage(error: click.ClickException, arguments: Sequence[str]) -> int:
    error.show()
    if "--json" in arguments:
        problem: dict[str, object] = {
            "rule": "usage",
            "pointer": "",
            "line": None,
            "column": None,
            "message": error.format_message(),
            "hint": "blockyard --help lists the commands, blockyard COMMAND --help their options",
        }
        print_json(_empty(arguments, problem))
    return Exit.INVALID


def _empty(arguments: Sequence[str], problem: dict[str, object]) -> dict[str, object]:
    """Return the object of a command that did nothing, with what is wrong."""
    if arguments and arguments[0] == "convert":
        return {"document": None, "report": [problem]}
    if arguments and arguments[0] in _SERVED:
        return {"problems": [problem]}
    found: dict[str, object] = {"valid": False}
    if not arguments or arguments[0] != "validate":
        found = {"run_id": None, "workflow": None, "status": "FAILED", "outputs": {}, "jobs": {}}
    return found | {"problems": [problem]}
