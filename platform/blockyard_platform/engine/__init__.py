"""The engine: interprets a plan, one stage after the other, in one event loop."""
