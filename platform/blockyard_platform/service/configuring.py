"""Settings from flags, variables and one TOML file, in this order; each with where it comes from, and shown without secrets."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from blockyard_platform.data import VARIABLE as DATA_VARIABLE
from blockyard_platform.service.settings import PREFIX, Settings
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE = "blockyard.toml"
"""The file in the data folder that is read when no other is named."""

_CONFIG_VARIABLE = f"{PREFIX}CONFIG"
_PATHS = ("data", "database", "keys", "admin_secrets", "catalog", "tls_certificate", "tls_key")
_DEFAULT = "default"
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings; ``origins`` says of each key where it comes from, ``file`` which file was read."""

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting as it may be shown."""

    key: str
    value: Any
    origin: str


def load(flags: Mapping[str, Any], config: str | os.PathLike[str] | None = None) -> Loaded:
    """Return the settings. ``flags`` without a value are left out. Raises InvalidDocumentError with every problem."""
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    variables = _variables()
    file = _file(given, variables, config)
    written = {} if file is None else _written(file)
    if file is not None and config is None and "data" in written and not _named(file):
        raise _wrong("data", f"{file} stands in the data folder, and so cannot name it")
    merged: dict[str, Any] = {}
    origins: dict[str, str] = dict.fromkeys(Settings.model_fields, _DEFAULT)
    for source, values in ((str(file), written), ("variable", variables), ("flag", given)):
        merged |= values
        for key in values:
            origins[key] = _origin(source, key)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise InvalidDocumentError(list(_problems(error, origins))) from None
    return Loaded(settings, MappingProxyType(origins), file)


def show(loaded: Loaded) -> list[Shown]:
    """Return every setting as it may be shown: a password or a token is three stars."""
    found: list[Shown] = []
    for key in Settings.model_fields:
        value = getattr(loaded.settings, key)
        if key == "database":
            value = masked(loaded.settings.place)
        elif key == "keys":
            value = loaded.settings.keys_file
        found.append(Shown(key, _plain(value), loaded.origins[key]))
    return found


def masked(place: str) -> str:
    """Return a database's place without its password, wherever in a URL it stands."""
    if "://" not in place:
        return place
    from sqlalchemy import exc, make_url

    try:
        url = make_url(place)
    except (exc.ArgumentError, ValueError):
        return f"{place.partition('://')[0]}://{_HIDDEN}"
    secret = {key for key in url.query if "pass" in key.lower() or "secret" in key.lower()}
    hidden = url.update_query_dict(dict.fromkeys(secret, _HIDDEN))
    return hidden.render_as_string(hide_password=True).replace("%2A%2A%2A", _HIDDEN)


def _named(file: Path) -> bool:
    return os.environ.get(_CONFIG_VARIABLE) == str(file)


def _variables() -> dict[str, Any]:
    """Return what the variables say. Raises InvalidDocumentError for one that there is not."""
    known = {f"{PREFIX}{key.upper()}" for key in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name not in known | {_CONFIG_VARIABLE}:
            raise _wrong("unknown-key", f"there is no variable {name}", did_you_mean(name, known))
    found = dict(EnvSettingsSource(Settings, env_ignore_empty=True, case_sensitive=False)())
    if "data" not in found and os.environ.get(DATA_VARIABLE):
        found["data"] = os.environ[DATA_VARIABLE]
    return found


def _file(
    flags: Mapping[str, Any],
    variables: Mapping[str, Any],
    config: str | os.PathLike[str] | None,
) -> Path | None:
    """Return the file that is named, or the one in the data folder if it is there."""
    named = config or os.environ.get(_CONFIG_VARIABLE)
    if named:
        return Path(named)
    data = flags.get("data") or variables.get("data") or Settings.model_fields["data"].default
    found = Path(data) / FILE
    return found if _is_file(found) else None


def _is_file(file: Path) -> bool:
    """Say whether there is a file. Raises InvalidDocumentError when this user may not look into its folder."""
    try:
        return file.is_file()
    except OSError as error:
        hint = "run this as the user whose folder it is, or give --data"
        raise _wrong("file", f"{file.parent} cannot be read: {error.strerror}", hint) from None


def _written(file: Path) -> dict[str, Any]:
    """Return what a file says; its paths are taken from its own folder."""
    if not _is_file(file):
        raise _wrong("file", f"there is no file {file}", "give the path of a TOML file")
    try:
        found = dict(TomlConfigSettingsSource(Settings, toml_file=file)())
    except tomllib.TOMLDecodeError as error:
        raise _wrong("toml", f"{file} cannot be read: {error}") from None
    except OSError as error:
        raise _wrong("file", f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _wrong("file", f"{file} cannot be read: {error}") from None
    for key in sorted(found):
        if key not in Settings.model_fields:
            hint = did_you_mean(key, Settings.model_fields)
            raise _wrong("unknown-key", f"{file}: there is no setting '{key[:60]}'", hint)
    return {key: _from(file, key, value) for key, value in found.items()}


def _from(file: Path, key: str, value: Any) -> Any:
    if key not in _PATHS or (isinstance(value, str) and "://" in value):
        return value
    if isinstance(value, list):
        return [_from(file, key, each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return str(file.absolute().parent / value) if isinstance(value, str) else value


def _origin(source: str, key: str) -> str:
    if source == "flag":
        return f"--{key.replace('_', '-')}"
    if source != "variable":
        return source
    own = f"{PREFIX}{key.upper()}"
    return own if key != "data" or os.environ.get(own) else DATA_VARIABLE


def _problems(error: ValidationError, origins: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong; the values are not told, since one may be a password."""
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        key = str(each["loc"][0]) if each["loc"] else ""
        where = f" ({origins[key]})" if origins.get(key, _DEFAULT) != _DEFAULT else ""
        words = each["msg"].removeprefix("Value error, ")
        yield Problem("setting", f"/{key}" if key else "", f"{key}{where}: {words}".lstrip(": "))


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return _HIDDEN
    if isinstance(value, tuple):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value) if isinstance(value, Path) else value


def _wrong(rule: str, message: str, hint: str | None = None) -> InvalidDocumentError:
    return InvalidDocumentError([Problem(rule, "", message, hint)])
