"""Forecast: what a run may come to at most, and what it comes to at least, told before anything is run."""

from blockyard_platform.forecast.counting import Forecaster
from blockyard_platform.forecast.nodes import Count, Forecast, Node

__all__ = ["Count", "Forecast", "Forecaster", "Node"]
