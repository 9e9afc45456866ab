"""The stage kinds: one module each, all behind one interface, and the table that the engine reads.

A kind is a coroutine function ``execute(run, body, scope, path)``: it returns the stage's outputs, or raises
StageFailureError, ExpressionError or StageSkipError. Cancelled, it stops what it has started.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from blockyard_platform import plan
from blockyard_platform.engine.kinds import (
    approval,
    bash,
    call,
    case,
    empty,
    foreach,
    image,
    own,
    parallel,
    python,
    raise_,
    trigger,
    try_,
    until,
    virtual,
    wait,
)

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Kinds

KINDS: Kinds = MappingProxyType(
    {
        plan.Empty: empty.execute,
        plan.Call: call.execute,
        plan.Python: python.execute,
        plan.Bash: bash.execute,
        plan.Virtual: virtual.execute,
        plan.Image: image.execute,
        plan.Wait: wait.execute,
        plan.Approval: approval.execute,
        plan.Trigger: trigger.execute,
        plan.Raise: raise_.execute,
        plan.Own: own.execute,
        plan.Case: case.execute,
        plan.Foreach: foreach.execute,
        plan.Parallel: parallel.execute,
        plan.Until: until.execute,
        plan.Try: try_.execute,
    }
)
