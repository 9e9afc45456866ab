"""Catalogs: look-up, versions, private blocks, merging, suggestions, interfaces."""

from typing import Any

import pytest

from blockyard_blocks import Catalog, CatalogError, block
from blockyard_blocks.errors import DeclarationError, NameClashError


@block(name="a.f")
def first(*, n: int) -> int:
    """Version one."""
    return n


@block(name="a.f", version="v2")
def second(*, n: int) -> int:
    """Version two."""
    return -n


@block(name="a.f", version="v10", deprecated="use b.g")
def tenth(*, n: int) -> int:
    """Version ten."""
    return 10 * n


@block(name="a.f")
def other(*, n: int) -> int:
    """Say the same name again."""
    return n


@block(name="a.secret", private=True)
def secret(*, n: int) -> int:
    """Keep private."""
    return n


@block(name="text.join", version="v2")
def better_join(*, items: list[str]) -> str:
    """Join better."""
    return "+".join(items)


def test_the_built_in_blocks_are_found() -> None:
    catalog = Catalog.builtin()
    assert len(catalog) >= 150
    for uses in ("text.join", "text.join@v1", "text/join@v1"):
        found = catalog.find(uses)
        assert found is not None
        assert found.name == "text.join"
        assert uses in catalog


@pytest.mark.parametrize(
    "uses",
    [
        *("text.jion", "TEXT.JOIN", "Text.join", "text.join@v2", "text.join@", "text/join", "join"),
        *(
            "text.join ",
            "",
            ".",
            "text.",
            "text..join",
            "text.join@v1@v1",
            "text.__init__",
            "a" * 9999,
        ),
        *("text.text_block", "text.unicodedata", "math.math", "nothing.join"),
    ],
)
def test_other_spellings_are_not_found(uses: str) -> None:
    assert Catalog.builtin().find(uses) is None
    assert uses not in Catalog.builtin()


@pytest.mark.parametrize(
    ("uses", "near"),
    [
        ("text.jion", "text.join"),
        ("TEXT.JOIN", "text.join"),
        ("text/join", "text.join"),
        ("text.join@v7", "text.join"),
        ("chunk", "list.chunk"),
        ("list.upper", "text.upper"),
        ("dict.lenght", "dict.length"),
        ("qqqqqq.zzzzzz", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_name_is_suggested(uses: str, near: str | None) -> None:
    assert Catalog.builtin().suggest(uses) == near


def test_the_newest_version_is_meant_when_none_is_named() -> None:
    catalog = Catalog.of(first, tenth, second)
    calls: list[Any] = []
    for uses in ("a.f", "a.f@v1", "a.f@v2", "a/f@v10"):
        found = catalog.find(uses)
        calls.append(found and found.call({"n": 1}))
    assert calls == [10, 1, -1, 10]
    assert [found.reference for found in catalog] == ["a.f@v10", "a.f@v2", "a.f@v1"]
    assert list(catalog.interfaces()) == ["a.f", "a.f@v2", "a.f@v1"]
    assert catalog.interfaces()["a.f"].deprecated == "use b.g"


def test_another_version_of_a_built_in_block_can_be_added() -> None:
    catalog = Catalog.builtin().merge(Catalog.of(better_join))
    newest, oldest = catalog.find("text.join"), catalog.find("text.join@v1")
    assert newest is not None
    assert oldest is not None
    assert (newest.version, oldest.version) == ("v2", "v1")
    assert newest.call({"items": ["a", "b"]}) == "a+b"


def test_a_clash_names_both_sources() -> None:
    with pytest.raises(NameClashError, match=r"two blocks a\.f@v1: .*rename one") as caught:
        Catalog.of(first).merge(Catalog.of(other))
    assert [source.rpartition(".")[2] for source in caught.value.sources] == ["first", "other"]


def test_a_clash_with_a_built_in_block_is_seen() -> None:
    @block(name="text.join")
    def join(*, items: list[str]) -> str:
        """Join again."""
        return "".join(items)

    mine = Catalog.of(join)
    with pytest.raises(NameClashError, match="the built-in blocks"):
        Catalog.builtin().merge(mine)
    with pytest.raises(NameClashError, match="the built-in blocks"):
        mine.merge(Catalog.builtin())


def test_the_same_block_in_two_catalogs_is_one() -> None:
    merged = Catalog.of(first, second).merge(Catalog.of(second)).merge(Catalog.of(first))
    assert [found.reference for found in merged] == ["a.f@v2", "a.f@v1"]


def test_a_catalog_is_a_value() -> None:
    catalog = Catalog.of(first)
    bigger = catalog.merge(Catalog.of(second))
    assert (len(catalog), len(bigger)) == (1, 2)
    with pytest.raises(AttributeError):
        catalog.values = {}  # type: ignore[misc]


def test_a_private_block_is_usable_where_its_owner_says_so(tmp_path: Any) -> None:
    assert Catalog.of(secret).find("a.secret") is not None
    tmp_path.joinpath("tools.py").write_text(
        "from blockyard_blocks import block\n\n\n"
        "@block(private=True)\ndef hidden(*, n: int) -> int:\n    '''Hide.'''\n    return n\n"
    )
    closed = Catalog.builtin().with_folder(tmp_path)
    assert closed.find("tools.hidden") is None
    assert "tools.hidden" not in {found.name for found in closed}
    assert "tools.hidden" not in closed.interfaces()
    assert closed.suggest("tools.hiden") is None
    assert closed.guest_config()["blocks"] == {}
    opened = closed.with_private("tools.hidden")
    assert opened.find("tools/hidden@v1") is not None
    assert opened.interfaces()["tools.hidden"].private
    assert list(opened.guest_config()["blocks"]) == ["tools.hidden@v1"]
    assert closed.find("tools.hidden") is None
    with pytest.raises(CatalogError, match=r"there is no private block 'text\.join'"):
        closed.with_private("text.join")


def test_iteration_is_in_the_order_of_names() -> None:
    names = [found.name for found in Catalog.builtin().merge(Catalog.of(first))]
    assert names == sorted(names)
    assert names[0] == "a.f"


def test_interfaces_are_made_one_by_one() -> None:
    interfaces = Catalog.builtin().interfaces()
    join = Catalog.builtin().find("text.join")
    assert join is not None
    assert interfaces["text.join"] is join.interface
    assert len(interfaces) == len(Catalog.builtin())
    assert "text.nothing" not in interfaces
    with pytest.raises(KeyError):
        _ = interfaces["text.nothing"]


def test_the_config_of_a_guest_can_be_kept_to_what_is_used() -> None:
    catalog = Catalog.builtin().merge(Catalog.of(first, second))
    whole = catalog.guest_config()
    assert "text" in whole["families"]
    assert sorted(whole["blocks"]) == ["a.f@v1", "a.f@v2"]
    assert catalog.guest_config(["text.join", "math/add@v1", "no.block"]) == {
        "families": ["math", "text"],
        "blocks": {},
    }
    assert list(catalog.guest_config(["a.f@v1"])["blocks"]) == ["a.f@v1"]


def test_a_guest_block_must_be_at_the_top_of_a_module() -> None:
    @block(name="a.inner")
    def inner(*, n: int) -> int:
        """Be inside."""
        return n

    catalog = Catalog.of(inner)
    with pytest.raises(DeclarationError, match="it is defined inside a function"):
        catalog.guest_config()
