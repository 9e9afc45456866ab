"""Running a stage's text, and expressions, and telling what they left or where they failed."""

import keyword
import sys
from collections.abc import Mapping
from typing import Any

from blockyard_sandbox.guest import plain
from blockyard_sandbox.guest.compiling import Compiler
from blockyard_sandbox.guest.explaining import advice, failure
from blockyard_sandbox.guest.failures import (
    ARGUMENT,
    EXPRESSION,
    MEMORY,
    GuestError,
    OutputLimitError,
    SourceError,
    words_of,
)
from blockyard_sandbox.guest.language import MODULE, Language
from blockyard_sandbox.guest.lookup import expression_guards

_NOTHING = object()


class Stages:
    """The operations ``python``, ``expressions`` and ``check`` over one language."""

    def __init__(self, language: Language) -> None:
        """Prepare the builtins; the texts of one run share nothing else."""
        self._compiler = Compiler(language.catalogue)
        self._table = language.table
        self._builtins = dict(language.builtins)
        self._expression_builtins = self._builtins | expression_guards(language.readers)

    def python(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Run ``{"code", "vars"}``; return ``{"outputs"}``."""
        given: dict[str, Any] = payload.get("vars") or {}
        check_names(given)
        compiled = self._compiler.compile(payload["code"])
        namespace: dict[str, Any] = {
            "__builtins__": self._builtins,
            "__name__": MODULE,
            **given,
        }
        try:
            exec(compiled.code, namespace)  # noqa: S102 (the policy let it through, the jail holds it)
            return {"outputs": outputs(namespace, given)}
        except (OutputLimitError, GuestError):
            raise
        except BaseException as error:  # noqa: BLE001 (user code raises what it likes)
            raise failure(error, compiled, namespace, self._table) from None
        finally:
            namespace.clear()

    def expressions(self, payload: dict[str, Any]) -> list[Any]:
        """Evaluate ``{"sources", "names"}``; return the values in order."""
        names: dict[str, Any] = payload.get("names") or {}
        check_names(names)
        return [self._expression(source, names) for source in payload["sources"]]

    def check(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Compile ``{"code"}`` or ``{"expression"}`` without running it; return ``{"errors": [{"line", "message", "text"}]}``."""
        try:
            if "code" in payload:
                self._compiler.compile(payload["code"])
            else:
                self._compiler.compile(payload["expression"].strip(), "eval")
        except SourceError as error:
            return {"errors": [finding.as_dict() for finding in error.findings]}
        return {"errors": []}

    def _expression(self, source: str, names: dict[str, Any]) -> Any:
        namespace: dict[str, Any] = {
            "__builtins__": self._expression_builtins,
            "__name__": MODULE,
            **names,
        }
        try:
            compiled = self._compiler.compile(source.strip(), "eval")
            value = eval(compiled.code, namespace)  # noqa: S307 (the policy let it through)
            return plain.encode(value, "the value")
        except OutputLimitError:
            raise
        except BaseException as error:  # noqa: BLE001 (user code raises what it likes)
            code = MEMORY if isinstance(error, MemoryError) else EXPRESSION
            message = advice(error, namespace, self._table) or words_of(error)
            raise GuestError(code, message, text=source[:400]) from None
        finally:
            namespace.clear()


def check_names(names: Mapping[str, Any]) -> None:
    """Refuse names from outside that would stand where a guard stands, or could not be written."""
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            raise GuestError(
                ARGUMENT,
                f"{name!r} can't be the name of a variable; use letters, digits and _ inside",
            )


def outputs(namespace: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a text left: its ``result``, or else every name that holds plain data."""
    result = namespace.get("result", _NOTHING)
    if result is not _NOTHING and result is not given.get("result", _NOTHING):
        return {"result": plain.encode(result)}
    kept: dict[str, Any] = {}
    for name, value in namespace.items():
        if name.startswith("_") or name in given:
            continue
        try:
            kept[name] = plain.encode(value, name)
        except GuestError as error:
            sys.stdout.write(f"left out of the outputs: {error.message}\n")
    return kept
