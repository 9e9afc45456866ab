"""What the soak submits: documents with effects that leave a mark, and how each may end."""

from dataclasses import dataclass

BLOCKS = '''
"""A host block whose effect can be counted."""

import os

from blockyard_blocks import block
from blockyard_blocks.context import Context


@block(tags=set(), runs="host", name="soak.mark")
def mark(context: Context, *, text: str) -> str:
    """Add a line to a file that all processes share, before it is known that the stage has ended."""
    line = f"{context.run_id} {context.stage} {text}\\n".encode()
    descriptor = os.open(os.environ["SOAK_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
    return text
'''

POLICY = """
tags: "*"
stages: [empty, call, python, foreach, parallel, wait, raise, try]
service: {rate_per_minute: 1000000, queue: 100000, concurrency: 100}
run: {wall_seconds: 600}
"""

PURE = """
name: pure
params: {n: int}
stages:
  - {id: a, echo: one}
  - {id: b, run: "result = n * 2", vars: {n: "${{ params.n }}"}, retry: 9}
  - {id: c, echo: "${{ stages.b.outputs.result }}"}
outputs: {double: "${{ stages.b.outputs.result }}"}
"""
ONCE = """
name: once
params: {n: int}
stages:
  - {id: first, uses: soak.mark, with: {text: first}}
  - {id: nap, sleep: 0.2}
  - {id: second, uses: soak.mark, with: {text: second}}
  - {id: third, run: "result = 3", retry: 9}
  - {id: last, uses: soak.mark, with: {text: last}}
"""
AGAIN = """
name: again
params: {n: int}
stages:
  - {id: first, uses: soak.mark, with: {text: first}, retry: 19}
  - id: each
    foreach: [1, 2, 3, 4]
    concurrent: 2
    stages:
      - {id: nap, sleep: 0.1}
      - {id: mark, uses: soak.mark, with: {text: "item ${{ item }}"}, retry: 19}
  - {id: last, uses: soak.mark, with: {text: last}, retry: 19}
"""
WAITS = """
name: waits
params: {n: int}
stages:
  - {id: before, uses: soak.mark, with: {text: before}, retry: 19}
  - {id: pause, wait: 6s}
  - {id: after, uses: soak.mark, with: {text: after}, retry: 19}
"""
FAILS = """
name: fails
params: {n: int}
stages:
  - {id: mark, uses: soak.mark, with: {text: here}, retry: 19}
  - {id: no, raise: it is meant to fail}
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A document, and how its runs may end: ``broken`` where an effect in flight may be left INTERRUPTED."""

    name: str
    document: str
    status: str
    broken: bool = False
    cancelled: bool = False


KINDS = (
    Kind("pure", PURE, "SUCCESS"),
    Kind("once", ONCE, "SUCCESS", broken=True),
    Kind("again", AGAIN, "SUCCESS"),
    Kind("waits", WAITS, "SUCCESS"),
    Kind("fails", FAILS, "FAILED"),
    Kind("cancelled", AGAIN.replace("name: again", "name: cancelled"), "SUCCESS", cancelled=True),
)
