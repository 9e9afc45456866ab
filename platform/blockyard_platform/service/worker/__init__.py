"""The worker: a process that brings runs to their end, as dispatch gives them to it."""
