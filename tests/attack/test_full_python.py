"""Full Python in the jail: every attack is stopped by the operating system's layers alone."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from arena import Arena, Targets

from blockyard_schemas.statuses import Code

CORPUS = {
    *(
        134,
        136,
        138,
        140,
        142,
        144,
        146,
        148,
        150,
        152,
        154,
        156,
        158,
        160,
        162,
        164,
        166,
        168,
        170,
        172,
    ),
    *(
        174,
        176,
        178,
        180,
        182,
        184,
        186,
        188,
        190,
        192,
        194,
        196,
        198,
        200,
        202,
        204,
        206,
        208,
        210,
        212,
        214,
    ),
}
"""The known cases that are meant for full Python, by number; 196 is in test_tenants.py."""


@dataclass(frozen=True)
class Case:
    name: str
    oracle: str
    corpus: frozenset[int]
    code: str


def read_cases() -> list[Case]:
    text = (Path(__file__).parent / "full_python.txt").read_text()
    parts = re.split(r"^=== (.*)$", text, flags=re.MULTILINE)[1:]
    cases: list[Case] = []
    for head, code in zip(parts[::2], parts[1::2], strict=True):
        name, oracle, corpus = (word.strip() for word in head.split("|"))
        cases.append(Case(name, oracle, frozenset(int(n) for n in corpus.split(",") if n), code))
    return cases


CASES = read_cases()


def test_there_are_enough_cases_and_all_known_ones() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    assert CORPUS - {196} == {number for case in CASES for number in case.corpus}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_attack_is_stopped(case: Case, arena: Arena, targets: Targets) -> None:
    visits = targets.visits
    guest = arena.guest()
    answer = arena.ask(guest, case.code, targets.facts)
    alive = guest.alive
    arena.runner.run(guest.close())
    if case.oracle == "stopped":
        assert answer.error is None, answer
        assert isinstance(answer.value, str)
        assert answer.value.startswith("stopped"), answer.value
    elif case.oracle == "dead":
        assert not alive, answer
    elif case.oracle == "channel":
        assert not alive, answer
        assert answer.error is not None, answer
        assert answer.error.code in {Code.UNHANDLED_EXCEPTION, Code.RESULT_LIMIT, Code.TIMEOUT}, (
            answer
        )
    else:
        assert answer.error is not None, answer
        assert answer.error.code is Code[case.oracle], answer
    assert targets.visits == visits
    assert sorted(path.name for path in targets.folder.iterdir()) == ["door", "secret.txt"]
    assert arena.attack("result = 'well'", targets.facts).value == "well"
