"""Project pages: what is kept of JSON and HTML, and what a hostile page can do, which is nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.index.links import MOST_FILES, PageError
from blockyard_sandbox.index.pages import (
    JSON_TYPE,
    LARGEST_PAGE,
    PageFile,
    is_filename,
    read_page,
    write_page,
)

AT = "https://index.test/simple/thing/"
SHA = "ab" * 32


def read_json(**page: Any) -> tuple[PageFile, ...]:
    return read_page(json.dumps(page).encode(), JSON_TYPE, AT)


def read_html(text: str) -> tuple[PageFile, ...]:
    return read_page(text.encode(), "text/html; charset=utf-8", AT)


def written(files: tuple[PageFile, ...]) -> list[dict[str, Any]]:
    page = json.loads(write_page("thing", files, lambda file: f"/0/files/t/{len(file.filename)}"))
    assert page["name"] == "thing"
    assert page["meta"] == {"api-version": "1.0"}
    entries: list[dict[str, Any]] = page["files"]
    return entries


def test_all_of_a_json_entry() -> None:
    entry = {
        "filename": "thing-1.0.tar.gz",
        "url": "https://files.test/thing-1.0.tar.gz#sha256=0",
        "hashes": {"sha256": SHA.upper(), "md5": "no digest"},
        "requires-python": ">=3.8",
        "size": 12,
        "upload-time": "2024-01-01T00:00:00Z",
        "yanked": "wrong\nlicence",
        "core-metadata": {"sha256": SHA},
        "gpg-sig": True,
    }
    (file,) = read_json(files=[entry])
    assert file.url == "https://files.test/thing-1.0.tar.gz"
    assert written((file,)) == [
        {
            "filename": "thing-1.0.tar.gz",
            "url": "/0/files/t/16",
            "hashes": {"sha256": SHA},
            "requires-python": ">=3.8",
            "size": 12,
            "upload-time": "2024-01-01T00:00:00Z",
            "yanked": "wrong licence",
            "core-metadata": {"sha256": SHA},
        }
    ]


def test_what_of_an_entry_is_nonsense_is_left_out() -> None:
    entry: dict[str, object] = {
        "filename": "thing-1.0.tar.gz",
        "url": "thing-1.0.tar.gz",
        "hashes": [SHA],
        "requires-python": 3,
        "size": True,
        "upload-time": [],
        "yanked": {},
        "core-metadata": False,
    }
    (told,) = written(read_json(files=[entry]))
    assert told == {"filename": "thing-1.0.tar.gz", "url": "/0/files/t/16", "hashes": {}}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://files.test/a.whl",
        "https://[::1/a.whl",
        "https://files.test:x/a.whl",
        "https://files.test/a b.whl",
        "https://files.test/" + "a" * 9000,
        7,
        None,
    ],
)
def test_a_link_that_is_no_address_drops_its_file(url: object) -> None:
    files = read_json(files=[{"filename": "a.whl", "url": url, "hashes": {}}])
    assert files == ()


def test_users_in_links_are_dropped() -> None:
    (file,) = read_json(files=[{"filename": "a.whl", "url": "https://u:p@files.test:8443/a.whl"}])
    assert file.url == "https://files.test:8443/a.whl"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0", "\ud800", "a" * 256, None, 3, "\u202ea"]
)
def test_names_that_are_not_of_a_file(name: object) -> None:
    assert not is_filename(name)
    assert read_json(files=[{"filename": name, "url": "a.whl"}]) == ()


def test_links_of_html() -> None:
    files = read_html(f"""<!DOCTYPE html><html><head><base href="/other/"></head><body>
    <a href="thing-1.0%2Bcpu.whl#sha256={SHA}" data-requires-python="&gt;=3.8"
       data-core-metadata="sha256={SHA}">thing</a>
    <a href="https://files.test/thing-2.0.zip#egg=thing&md5={"0" * 32}" data-yanked="">x</a>
    <a href="thing-3.0.zip" data-yanked="bad" data-dist-info-metadata="true">x
    <a name="nothing">x</a> <a href="mailto:me">x</a> <a href="folder/">x</a>""")
    assert files == (
        PageFile(
            "thing-1.0+cpu.whl",
            "https://index.test/other/thing-1.0%2Bcpu.whl",
            {"sha256": SHA},
            requires_python=">=3.8",
            metadata={"sha256": SHA},
        ),
        PageFile(
            "thing-2.0.zip", "https://files.test/thing-2.0.zip", {"md5": "0" * 32}, yanked=True
        ),
        PageFile(
            "thing-3.0.zip", "https://index.test/other/thing-3.0.zip", yanked="bad", metadata={}
        ),
    )
    assert written(files)[2]["core-metadata"] is True


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", JSON_TYPE),
        (b"[]", JSON_TYPE),
        (b'{"files": 3}', JSON_TYPE),
        (b"[" * 100_000, JSON_TYPE),
        (b"\xff", JSON_TYPE),
        (b"<a href=x>", "application/xml"),
        (b"<a href=x>", ""),
        (b"<a href='" + b"x" * 100_000, "text/html"),
        (b"<!--" * 100_000, "text/html"),
        (b"<![" * 100_000, "text/html"),
        (b"<![nonsense[ ]]>", "text/html"),
        (b"<a href=x.whl>" * (MOST_FILES + 1), "text/html"),
        (b'{"files": [' + b"0," * MOST_FILES + b"0]}", JSON_TYPE),
    ],
)
def test_what_is_no_page(body: bytes, kind: str) -> None:
    with pytest.raises(PageError):
        read_page(body, kind, AT)


def test_a_page_that_is_too_large() -> None:
    with pytest.raises(PageError, match="more than 67108864 bytes"):
        read_page(bytes(LARGEST_PAGE + 1), "text/html", AT)


def test_a_page_of_a_hundred_thousand_files() -> None:
    names = [f"thing-{number}.whl" for number in range(100_000)]
    html = "".join(f'<a href="{name}#sha256={SHA}">{name}</a>\n' for name in names)
    assert [file.filename for file in read_html(html)] == names
    entries = [{"filename": name, "url": name, "hashes": {"sha256": SHA}} for name in names]
    assert [entry["filename"] for entry in written(read_json(files=entries))] == names


PIECES = st.sampled_from(
    [
        *(
            "<a ",
            "<a href=x.whl ",
            "href=",
            '"',
            "'",
            ">",
            "</a>",
            "<base ",
            "https://",
            "file:",
            "//",
        ),
        *(
            "..",
            "#sha256=",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<!",
            "<?",
            "&#x;",
            "&amp",
            "<script>",
        ),
        *("%2f", "%00", "data-yanked=", "data-core-metadata=", "[", "]", "\\", "@", ":", " ", "/"),
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=40).map("".join))
def test_whatever_the_html_the_page_holds_only_the_gateways_paths(text: str) -> None:
    try:
        files = read_page(text.encode(errors="surrogatepass"), "text/html", AT)
    except PageError:
        return
    for file, entry in zip(files, written(files), strict=True):
        assert entry["url"] == f"/0/files/t/{len(file.filename)}"
        assert file.url.startswith(("https://", "http://"))
        assert is_filename(entry["filename"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "filename",
        "url",
        "hashes",
        "requires-python",
        "size",
        "upload-time",
        "yanked",
        "core-metadata",
    ]
)
ENTRIES = st.lists(st.dictionaries(KEYS, JSON | st.just("a.whl")) | JSON, max_size=4)


@given(ENTRIES)
def test_whatever_the_json_the_page_is_valid(entries: list[Any]) -> None:
    for entry in written(read_json(files=entries)):
        assert entry["url"].startswith("/0/files/t/")
        assert is_filename(entry["filename"])
        assert all(len(digest) >= 32 for digest in entry["hashes"].values())
