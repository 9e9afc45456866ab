"""Names of images: one form for each spelling, and rules over that form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from blockyard_schemas.image_names import read_image, repository_matches
from blockyard_schemas.policy_containers import Credentials, ImageRule

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("docker.io/alpine:3", "docker.io/library/alpine:3"),
        ("index.docker.io/library/alpine:3", "docker.io/library/alpine:3"),
        ("team/tool", "docker.io/team/tool:latest"),
        ("localhost/tool:1", "localhost/tool:1"),
        ("registry.example:5000/a/b_c/d--e:1", "registry.example:5000/a/b_c/d--e:1"),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}"),
        (f"alpine:3@{DIGEST}", f"docker.io/library/alpine:3@{DIGEST}"),
    ],
)
def test_each_spelling_has_one_form(image: str, whole: str) -> None:
    assert str(read_image(image)) == whole
    assert str(read_image(whole)) == whole


def test_a_tag_may_stand_apart() -> None:
    assert str(read_image("alpine", "3")) == "docker.io/library/alpine:3"


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    try:
        name = read_image(text)
    except ValueError:
        return
    assert read_image(str(name)) == name


@pytest.mark.parametrize(
    ("image", "pattern", "fits"),
    [
        ("alpine", "alpine", True),
        ("alpine", "docker.io/library/alpine", True),
        ("alpine", "index.docker.io/alpine", True),
        ("alpine", "*", True),
        ("team/alpine", "*", False),
        ("team/alpine", "team/*", True),
        ("team/sub/alpine", "team/*", False),
        ("evil.example/team/alpine", "team/*", False),
        ("registry.example/team/tool", "registry.example/team/*", True),
        ("registry.example.evil/team/tool", "registry.example/team/*", False),
        ("registry.example:5000/team/tool", "registry.example/team/*", False),
    ],
)
def test_a_pattern_is_over_whole_parts_of_a_name(image: str, pattern: str, fits: bool) -> None:
    assert repository_matches(read_image(image), pattern) is fits


def test_a_rule_wants_the_tag_and_the_digest_that_it_names() -> None:
    tagged = ImageRule(name="alpine", tags=("3.*",))
    assert tagged.allows(read_image("alpine:3.20"))
    assert not tagged.allows(read_image("alpine"))
    assert not tagged.allows(read_image(f"alpine@{DIGEST}"))
    pinned = ImageRule(name="alpine", digests=(DIGEST,))
    assert pinned.allows(read_image(f"alpine@{DIGEST}"))
    assert pinned.allows(read_image("alpine:any"))
    assert not pinned.allows(read_image("alpine@sha256:" + "1" * 64))


def test_a_rule_that_says_too_little_is_refused() -> None:
    with pytest.raises(ValidationError, match="name its tags"):
        ImageRule(name="alpine")
    with pytest.raises(ValidationError, match="give password_env or password_file"):
        Credentials(name="main", registry="r.example", username="ada")
