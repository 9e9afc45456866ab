"""The samples of container stages: the page and the example work as they stand there, but for the folders."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import Engine, make_busybox

from blockyard_platform import Runner
from blockyard_schemas.policy import Policy, load_policy

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "containers"
IMAGE = "busybox:1.36"


@pytest.fixture
def busybox(engine: Engine) -> Iterator[str]:
    """Yield an image of the name that the samples use, made here."""
    yield make_busybox(engine, IMAGE)
    engine.client.remove_image(IMAGE, force=True)


def policy_in(folder: Path) -> Policy:
    """Return the example's policy with folders of the test's own."""
    (folder / "texts").mkdir()
    (folder / "results").mkdir()
    folder.chmod(0o755)
    text = (EXAMPLES / "policy.yaml").read_text()
    return load_policy(text.replace("/srv/blockyard", str(folder)))


async def test_the_example_reads_a_volume_and_writes_a_result(busybox: str, tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    (tmp_path / "texts" / "short.txt").write_text("one two\n")
    (tmp_path / "texts" / "long.txt").write_text("one two three four\n")
    async with Runner(policy=policy) as runner:
        result = await runner.run((EXAMPLES / "count-words.yaml").read_text())
    assert result.outputs == {"longest": {"file": "long.txt", "words": 4}, "image": busybox}
    written = tmp_path / "results" / "word-counters" / "words"
    assert written.read_text() == "4 long.txt\n2 short.txt\n"


async def test_the_sample_of_the_page_runs(busybox: str, tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    (tmp_path / "texts" / "words").write_text("hello\n")
    page = (ROOT / "docs" / "containers.md").read_text()
    (sample,) = re.findall(r"^```yaml container\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    async with Runner(policy=policy) as runner:
        result = await runner.run(sample)
    assert result.outputs == {"said": "hello ada; rm -rf /\n"}
