"""A command with verbs of its own, one of which is meant when none is named: ``blockyard runs`` is ``blockyard runs list``."""

from __future__ import annotations

from typing import Any

import click


class Family(click.Group):
    """A group with a ``default`` verb."""

    def __init__(self, *args: Any, default: str = "list", **more: Any) -> None:
        """Keep the verb."""
        more.setdefault("no_args_is_help", False)
        super().__init__(*args, **more)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb before options that stand alone."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb when one is misspelt."""
        if args and args[0] not in self.commands:
            from blockyard_schemas.nearest import nearest

            near = nearest(args[0], self.commands)
            known = ", ".join(self.commands)
            hint = f" Did you mean '{near}'?" if near else f" Verbs: {known}."
            ctx.fail(f"There is no verb '{args[0][:60]}' here.{hint}")
        return super().resolve_command(ctx, args)
