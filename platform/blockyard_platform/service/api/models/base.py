"""What the models of the API share: closed input, output made of the registry's values, times as RFC 3339 has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.registry.paging import Page

T = TypeVar("T")


class In(BaseModel):
    """A body: an unknown key is an error, and a value of another type is not turned into one that fits."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)

    @classmethod
    def of(cls, value: Any, **more: Any) -> Self:
        """Return the answer for a value of the registry, by its attributes, but for those that are given."""
        if not more:
            return cls.model_validate(value)
        rest = {name: getattr(value, name) for name in cls.model_fields if name not in more}
        return cls.model_validate(rest | more)


class Paged(Out, Generic[T]):
    """A page of a listing; ``next`` is the cursor of the next page, if there is one."""

    # Pydantic looks for docstrings of attributes in the source of the class, and a page of something has none.
    model_config = ConfigDict(use_attribute_docstrings=False)

    items: list[T]
    next: str | None = None


def paged(page: Page[Any], make: Callable[[Any], T]) -> Paged[T]:
    """Return a page with its items made into answers."""
    return Paged(items=[make(each) for each in page.items], next=page.next)


def _moment(value: Any) -> Any:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else value


At = Annotated[datetime, BeforeValidator(_moment)]
"""A time: seconds since 1970 in the registry, RFC 3339 in UTC in the API."""
Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
