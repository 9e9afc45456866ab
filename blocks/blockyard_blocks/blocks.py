"""A block: a function with its name, its version and what it was declared with."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from blockyard_blocks.declaring import Declaration, Example, declaration_of
from blockyard_blocks.docstrings import described_parameters
from blockyard_blocks.errors import DeclarationError, MissingValueError
from blockyard_blocks.naming import is_name, is_version
from blockyard_blocks.signature import Signature, read_signature, read_types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blockyard_blocks.context import Context
    from blockyard_schemas.blocks_interface import BlockInterface


@dataclass(frozen=True)
class Block:
    """A block of a catalog.

    ``name`` is ``category.function``; ``source`` says where it comes from, in words; ``values`` are the admin's, for
    a host block's positional parameters. What is costly (validator, schemas) is made when it is first asked for.
    """

    name: str
    function: Callable[..., Any]
    declaration: Declaration
    signature: Signature
    source: str
    values: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def version(self) -> str:
        """The version, like ``v1``."""
        return self.declaration.version

    @property
    def reference(self) -> str:
        """Name and version: ``text.join@v1``."""
        return f"{self.name}@{self.declaration.version}"

    @property
    def category(self) -> str:
        """The part of the name before the dot."""
        return self.name.rpartition(".")[0]

    @property
    def tags(self) -> frozenset[str]:
        """The tags that a tenant needs, all of them."""
        return self.declaration.tags

    @property
    def limit(self) -> int | None:
        """The block's own bound on uses per run."""
        return self.declaration.limit

    @property
    def runs(self) -> Literal["guest", "host"]:
        """Where it runs."""
        return self.declaration.runs

    @property
    def private(self) -> bool:
        """Whether it is usable only where the catalog's owner says so."""
        return self.declaration.private

    @property
    def keeps(self) -> bool:
        """Whether what it is given stands where other runs can read it."""
        return self.declaration.keeps

    @property
    def icon(self) -> str | None:
        """The name of a picture for editors."""
        return self.declaration.icon

    @property
    def deprecated(self) -> str | None:
        """What to use instead."""
        return self.declaration.deprecated

    @property
    def examples(self) -> tuple[Example, ...]:
        """Its examples."""
        return self.declaration.examples

    @property
    def doc(self) -> str:
        """The function's docstring, without its indentation."""
        return inspect.getdoc(self.function) or ""

    @property
    def takes_variables(self) -> bool:
        """Whether it works on the run's variables."""
        return self.signature.variables

    @cached_property
    def is_async(self) -> bool:
        """Whether ``call`` returns an awaitable."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def order(self) -> int:
        """The version as a number: a newer one is greater."""
        return int(self.version[1:])

    @cached_property
    def types(self) -> Mapping[str, Any]:
        """The annotations by parameter, and ``return``; raises DeclarationError when one cannot be read."""
        try:
            return read_types(self.function)
        except ValueError as error:
            raise DeclarationError(self.name, self.source, str(error)) from error

    @cached_property
    def check(self) -> Callable[[Any], dict[str, Any]]:
        """What checks arguments: takes a dict, returns it checked, raises ArgumentsError."""
        from blockyard_blocks.arguments import checker_of

        return checker_of(self.name, self.signature.tenant, self.types)

    @cached_property
    def interface(self) -> BlockInterface:
        """The block as data, with the JSON Schemas of its parameters and its result."""
        from blockyard_schemas.blocks_interface import BlockInterface

        parameters, result = self._schemas()
        return BlockInterface(
            name=self.name,
            version=self.version,
            tags=self.tags,
            limit=self.limit,
            runs=self.runs,
            private=self.private,
            parameters=parameters,
            result=result,
            doc=self.doc,
            deprecated=self.deprecated,
        )

    def call(
        self,
        arguments: Mapping[str, Any],
        *,
        context: Context | None = None,
        variables: dict[str, Any] | None = None,
    ) -> Any:
        """Check the arguments and call the function; of an asynchronous block, return the awaitable.

        Raises ArgumentsError for arguments that do not fit, and whatever the function raises. ``context`` is for host
        blocks that take one, ``variables`` for blocks that change the run's variables, in place.
        """
        checked = self.check(arguments)
        signature = self.signature
        if signature.variables:
            return self.function({} if variables is None else variables, **checked)
        if signature.context:
            return self.function(context, *self.values, **checked)
        return self.function(*self.values, **checked)

    def with_values(self, values: Mapping[str, Any]) -> Block:
        """Return the block with its positional parameters filled by name; raise MissingValueError."""
        wanted = self.signature.values
        if not wanted:
            return self
        missing = tuple(item.name for item in wanted if item.required and item.name not in values)
        if missing:
            raise MissingValueError(self.name, self.source, missing)
        return replace(self, values=tuple(values.get(item.name, item.default) for item in wanted))

    def _schemas(self) -> tuple[dict[str, Any], dict[str, Any]]:
        from blockyard_blocks.schemas import arguments_schema, json_schema_of, value_schema

        try:
            parameters = json_schema_of(
                arguments_schema(self.signature.tenant, self.types), "validation"
            )
            result = json_schema_of(value_schema(self.types["return"]), "serialization")
        except Exception as error:
            raise DeclarationError(self.name, self.source, str(error)) from error
        properties = parameters.setdefault("properties", {})
        descriptions = described_parameters(self.doc)
        for item in self.signature.tenant:
            if item.name in descriptions:
                properties[item.name]["description"] = descriptions[item.name]
            if not item.required and _is_json(item.default):
                properties[item.name]["default"] = item.default
        return parameters, result


def block_of(
    function: Callable[..., Any],
    *,
    category: str,
    source: str,
    values: Mapping[str, Any] | None = None,
) -> Block:
    """Return the block of a decorated function; raise DeclarationError or MissingValueError.

    ``category`` holds where the declaration does not name another.
    """
    declaration = declaration_of(function)
    own = getattr(function, "__name__", str(function))
    if declaration is None:
        raise DeclarationError(own, source, "it is not a block: put @block(...) above it")
    name = declaration.name or own.rstrip("_")
    if "." not in name:
        name = f"{category.rstrip('_')}.{name}"
    if not is_name(name):
        reason = "a name is category.function, in lower-case letters, digits and _, as in text.join"
        raise DeclarationError(name, source, reason)
    if not is_version(declaration.version):
        raise DeclarationError(
            name, source, f"the version {declaration.version!r} is not like v1 or v2"
        )
    try:
        signature = read_signature(function, declaration.runs)
    except ValueError as error:
        raise DeclarationError(name, source, str(error)) from error
    return Block(name, function, declaration, signature, source).with_values(values or {})


def _is_json(value: object) -> bool:
    import json

    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
