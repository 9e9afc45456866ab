"""Goals: a figure, what it is to stay below, and how that is printed."""

from typing import NamedTuple


class Goal(NamedTuple):
    """A figure, what it is to stay below, and the unit of both."""

    name: str
    figure: float
    most: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the figure stays below."""
        return self.figure <= self.most


def show(goal: Goal) -> str:
    """Return a goal as a line of the table."""
    verdict = "met" if goal.met else "NOT MET"
    return f"{goal.name:<62}{goal.figure:>10.2f} {goal.unit:<3} goal {goal.most:>7.2f}  {goal.figure / goal.most:>5.2f}x  {verdict}"
