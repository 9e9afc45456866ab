"""What every verb that asks a server shares: its options, the client, and how what goes wrong becomes words and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.account import Account, find_account
from blockyard_platform.cli.exits import Exit, exit_of
from blockyard_platform.cli.options import JSON, options
from blockyard_platform.cli.report import note, print_json, print_problems
from blockyard_platform.cli.showing import Out, one_line
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from blockyard_platform.client import Client, ClientError

LIMIT = click.option("--limit", type=click.IntRange(0), help="Rows to show; 0 shows all (100).")
EVERYWHERE = click.option(
    "--all-tenants", is_flag=True, help="Of all tenants that you may see, whatever tenant is set."
)
_OPTIONS = options(
    click.option(
        "--server", metavar="URL", help="The service (or BLOCKYARD_SERVER, or `blockyard login`)."
    ),
    click.option(
        "--token-file", metavar="FILE", help="A file with the token (or BLOCKYARD_TOKEN)."
    ),
    click.option("--tenant", metavar="NAME", help="Whose (or BLOCKYARD_TENANT)."),
    click.option("--ca", metavar="FILE", help="Authorities to trust instead of the usual ones."),
    click.option("--plaintext", is_flag=True, help="Let the token travel over plain HTTP."),
)
REMOTE = options(_OPTIONS, JSON)
"""The options of a verb that asks a server."""


class Remote:
    """A server as a verb sees it. Nothing is asked, and no client imported, before it is needed."""

    def __init__(self, given: Account, token_file: str | None, out: Out) -> None:
        """Keep what was given."""
        self.given = given
        self._token_file = token_file
        self.out = out
        self.file: str | None = None
        """The document that the verb was given, which problems with a line are in."""

    @property
    def flags(self) -> dict[str, object]:
        """What was given by flags, by name, but for the server."""
        given = self.given
        return {
            "token-file": self._token_file,
            "tenant": given.tenant,
            "ca": given.ca,
            "plaintext": given.plaintext,
        }

    @cached_property
    def account(self) -> Account:
        """Who asks which server. Raises InvalidDocumentError."""
        return find_account(self.given, self._token_file)

    @cached_property
    def client(self) -> Client:
        """The client. Raises InvalidDocumentError, ClientError."""
        from blockyard_platform.client import Client

        found = self.account
        if found.token is None:
            raise NoTokenError(found.server or "")
        return Client(
            found.server or "",
            found.token,
            tenant=found.tenant,
            ca=found.ca,
            plaintext=found.plaintext,
        )

    @cached_property
    def tenant(self) -> str:
        """The tenant that is meant: the one that is set, or the token's own. Raises InvalidDocumentError."""
        found = self.account.tenant or self.client.get_me().tenant
        if found is None:
            raise _wrong("your token is for all tenants: say whose", "give --tenant NAME")
        return found

    def whose(self, *, everyone: bool) -> str | None:
        """Return the tenant of a listing; None is all that may be seen."""
        return None if everyone else self.account.tenant

    def close(self) -> None:
        """Close the client, if there is one."""
        if "client" in self.__dict__:
            self.client.close()


class NoTokenError(Exception):
    """There is no token for a server."""


def remote(function: Callable[..., int | None]) -> Callable[..., int]:
    """Give a verb the options, and a Remote as its first argument; turn what it raises into words and an exit code."""

    @wraps(function)
    def command(
        server: str | None,
        token_file: str | None,
        tenant: str | None,
        ca: str | None,
        *,
        plaintext: bool,
        as_json: bool,
        **given: Any,
    ) -> int:
        found = Remote(Account(server, None, tenant, ca, plaintext), token_file, Out(as_json))
        found.file = given.get("file")
        return guarded(found, lambda: function(found, **given))

    return REMOTE(command)


def guarded(found: Remote, verb: Callable[[], int | None]) -> int:
    """Run a verb; return its exit code."""
    from blockyard_platform.client.errors import ClientError

    try:
        with _terminable():
            return verb() or Exit.SUCCESS
    except InvalidDocumentError as error:
        return _told(found, error.problems, exit_of(error.problems))
    except NoTokenError as error:
        hint = "log in: blockyard login; or give --token-file, or BLOCKYARD_TOKEN"
        problem = Problem("token", "", f"there is no token for {error}", hint)
        return _told(found, (problem,), Exit.NO_SERVER)
    except ClientError as error:
        return _told(found, problems_of(error), exit_for(error))
    except KeyboardInterrupt:
        return _told(found, (Problem("interrupted", "", "interrupted"),), Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever reads has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.SUCCESS
    finally:
        found.close()


@contextmanager
def _terminable() -> Generator[None]:
    """Have SIGTERM, as of ``timeout`` or ``docker stop``, interrupt a verb as Ctrl-C does."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def problems_of(error: ClientError) -> tuple[Problem, ...]:
    """Return what a client raises as problems."""
    from blockyard_platform.client.errors import ProblemError, UnauthorizedError

    if isinstance(error, ProblemError) and error.problems:
        return error.problems
    rule = error.rule if isinstance(error, ProblemError) else _RULES.get(type(error).__name__, "")
    hint = error.hint
    if isinstance(error, UnauthorizedError):
        hint = "log in again (blockyard login), or ask an admin for a token"
    return (Problem(rule or "client", "", error.message, hint),)


def exit_for(error: ClientError) -> Exit:
    """Return the exit code for what a client raises."""
    from blockyard_platform.client import errors

    refusing = (errors.DisabledError, errors.QuotaError)
    failing = (errors.RunFailedError, errors.NotEndedError)
    kept_out = (
        errors.UnreachableError,
        errors.BadAnswerError,
        errors.UnauthorizedError,
        errors.ForbiddenError,
        errors.LimitedError,
        errors.ServerError,
    )
    if isinstance(error, errors.NotAdmittedError):
        return exit_of(error.problems) or Exit.INVALID
    if isinstance(error, refusing):
        return Exit.REFUSED
    if isinstance(error, kept_out):
        return Exit.NO_SERVER
    return Exit.FAILED if isinstance(error, failing) else Exit.INVALID


_RULES = {"UnreachableError": "unreachable", "BadAnswerError": "answer", "UsageError": "usage"}


def _told(found: Remote, problems: tuple[Problem, ...], code: Exit) -> Exit:
    if code is Exit.INTERRUPTED:
        note("Interrupted.")
    else:
        for each in problems:
            place = None if each.line is None else found.file
            print_problems(one_line(place or "blockyard"), [each])
    if found.out.as_json:
        print_json({"problems": [it.as_dict() for it in problems]})
    return code


def _wrong(message: str, hint: str) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("tenant", "", message, hint)])
