"""Params: what a workflow takes, checked and completed before it runs.

A param is declared by a JSON Schema or by a short type name. One without ``default`` must be given. Patterns are matched in
linear time, and a schema can refer to nothing outside itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.nearest import nearest
from blockyard_schemas.problems import InvalidDocumentError, Problem, pointer_of

if TYPE_CHECKING:
    import jsonschema_rs

    from blockyard_platform.admission.reporting import Report

_SHORT: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "str": {"type": "string"},
        "int": {"type": "integer"},
        "float": {"type": "number"},
        "bool": {"type": "boolean"},
        "list": {"type": "array"},
        "array": {"type": "array"},
        "map": {"type": "object"},
        "dict": {"type": "object"},
        "date": {"type": "string", "format": "date"},
        "datetime": {"type": "string", "format": "date-time"},
        "decimal": {"type": ["string", "number"], "pattern": r"^[+-]?\d+(\.\d+)?$"},
        "choice": {"type": "string"},
        "any": {},
    }
)
_OUR_KEYS = frozenset({"type", "default", "options", "desc", "required", "properties", "examples"})
_NO_DEFAULT: Any = object()


@dataclass(frozen=True, slots=True)
class Param:
    """One param: its JSON Schema, and its default when it has one."""

    schema: Mapping[str, Any]
    default: Any = _NO_DEFAULT

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is _NO_DEFAULT

    @staticmethod
    def of(declared: Any) -> Param:
        """Read a declaration: a type name, or a JSON Schema that may use short names as types.

        ``required: false`` stands for a default of null.
        """
        default = _NO_DEFAULT
        if is_mapping(declared):
            default = None if declared.get("required") is False else _NO_DEFAULT
            default = declared.get("default", default)
        return Param(schema_of(declared), default)

    def validator(self) -> jsonschema_rs.Draft202012Validator:
        """Return what checks a value; raise ValueError when the schema is none."""
        import jsonschema_rs

        return jsonschema_rs.Draft202012Validator(
            dict(self.schema),
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=1 << 20),
            retriever=_refuse,
        )

    def wrong(self, value: Any) -> str | None:
        """Return what is wrong with a value, or ``None``."""
        for error in self.validator().iter_errors(value):
            return str(error.message)
        return None

    def read(self, text: str) -> Any:
        """Return the value that a text, such as one of the command line, stands for; raise ValueError."""
        kinds = self.schema.get("type", "string")
        reader = _READERS.get(kinds if isinstance(kinds, str) else "string")
        return text if reader is None else reader(text)


@dataclass(frozen=True, slots=True)
class Params:
    """The params of a workflow by name."""

    declared: Mapping[str, Param]

    @staticmethod
    def of(declared: Mapping[str, Any]) -> Params:
        """Read the declarations of a document that was found valid."""
        return Params(MappingProxyType({name: Param.of(it) for name, it in declared.items()}))

    def bind(
        self, values: Mapping[str, Any], texts: Mapping[str, str]
    ) -> tuple[dict[str, Any], tuple[Problem, ...]]:
        """Return all params with defaults applied, and what is wrong: unknown, missing or ill-typed ones."""
        problems: list[Problem] = [
            self._unknown(name) for name in (*values, *texts) if name not in self.declared
        ]
        bound: dict[str, Any] = {}
        for name, param in self.declared.items():
            try:
                bound[name] = _value(name, param, values, texts)
            except _ParamError as error:
                problems.append(_problem(name, str(error), error.hint))
        return bound, tuple(problems)

    def _unknown(self, name: str) -> Problem:
        near = nearest(name, self.declared)
        listed = ", ".join(self.declared) or "none"
        hint = f"did you mean '{near}'?" if near else f"params of this workflow: {listed}"
        return _problem(name, f"the workflow takes no param '{name}'", hint)


class _ParamError(ValueError):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def check_params(declared: Any, report: Report) -> None:
    """Report declarations that no value could be checked by, and defaults that do not fit their own schema."""
    for name, each in declared.items() if is_mapping(declared) else ():
        place = ("params", name)
        if _refers(each):
            report.add(
                "unsupported",
                place,
                f"the schema of the param '{name}' uses a keyword that begins with $",
                "write the schema out in full",
            )
            continue
        try:
            param = Param.of(each)
            param.validator()
            has_default = is_mapping(each) and "default" in each
            wrong = param.wrong(param.default) if has_default else None
        except (ValueError, TypeError) as error:
            report.add("type", place, f"the schema of the param '{name}' is not valid: {error}")
            continue
        if wrong is not None:
            report.add(
                "type", (*place, "default"), f"the default of '{name}' does not fit: {wrong}"
            )


def schema_of(declared: Any) -> dict[str, Any]:
    """Return the JSON Schema of a declaration, in which short type names may stand at any depth."""
    if not is_mapping(declared):
        return _schema_of_type(declared)
    schema = _schema_of_type(declared.get("type", "any"))
    schema |= {key: it for key, it in declared.items() if key not in _OUR_KEYS}
    if "options" in declared:
        schema["enum"] = declared["options"]
    properties = declared.get("properties")
    if is_mapping(properties):
        schema["properties"] = {name: schema_of(it) for name, it in properties.items()}
    required = _required(declared.get("required"), properties if is_mapping(properties) else {})
    if required:
        schema["required"] = required
    for key in ("items", "additionalProperties"):
        if key in declared and not isinstance(declared[key], bool):
            schema[key] = schema_of(declared[key])
    return schema


def _required(names: Any, properties: dict[str, Any]) -> list[Any]:
    """Return what must be there: what a schema lists, and properties that say ``required: true``."""
    listed: list[Any] = list(names) if is_list(names) else [names] if isinstance(names, str) else []
    own = [
        name
        for name, each in properties.items()
        if is_mapping(each) and each.get("required") is True and name not in listed
    ]
    return listed + own


def _schema_of_type(name: Any) -> dict[str, Any]:
    if isinstance(name, str):
        return dict(_SHORT.get(name, {"type": name}))
    return {"type": name}


def _refers(value: Any) -> bool:
    """Whether a schema has a keyword such as $ref, which could point outside it or at itself."""
    if is_mapping(value):
        return any(key.startswith("$") or _refers(each) for key, each in value.items())
    return is_list(value) and any(_refers(each) for each in value)


def _refuse(uri: str) -> Any:
    raise ValueError(f"a schema cannot refer to {uri}")


def _value(name: str, param: Param, values: Mapping[str, Any], texts: Mapping[str, str]) -> Any:
    if name in texts:
        try:
            value = param.read(texts[name])
        except ValueError as error:
            raise _ParamError(
                f"the param '{name}': {error}", f"its schema is {dict(param.schema)}"
            ) from None
    elif name in values:
        value = _plain(name, values[name])
    elif param.required:
        raise _ParamError(f"the param '{name}' is missing", f"give it: --param {name}=...")
    else:
        return param.default
    wrong = param.wrong(value)
    if wrong is not None:
        raise _ParamError(
            f"the param '{name}' does not fit: {wrong}", f"its schema is {dict(param.schema)}"
        )
    return value


def _plain(name: str, value: Any) -> Any:
    from blockyard_schemas.reader import from_data

    try:
        return from_data({name: value}).data[name]
    except InvalidDocumentError as error:
        raise _ParamError(
            f"the param '{name}': {error}", "give plain data: text, numbers, lists, dicts"
        ) from None


def _problem(name: str, message: str, hint: str | None) -> Problem:
    return Problem("param", pointer_of(("params", name)), message, hint)


def _read_bool(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return words[text.lower()]


def _read_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a whole number") from None


def _read_float(text: str) -> float:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number") from None


def _read_data(text: str) -> Any:
    from blockyard_schemas.reader import read

    try:
        return read(text).data
    except InvalidDocumentError as error:
        raise ValueError(f"it is not YAML or JSON: {error}") from None


_READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "boolean": _read_bool,
        "integer": _read_int,
        "number": _read_float,
        "array": _read_data,
        "object": _read_data,
    }
)
