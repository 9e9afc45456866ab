"""Rehearsal: runs without effects, with stand-ins for stages, and the tests that stand in a document."""

from blockyard_platform.rehearsal.stand_ins import Mock, read_mocks, rehearsed
from blockyard_platform.rehearsal.testing import Outcome, run_tests

__all__ = ["Mock", "Outcome", "read_mocks", "rehearsed", "run_tests"]
