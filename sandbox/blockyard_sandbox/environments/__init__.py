"""Python environments: resolved to a lock and installed by uv in a jail of its own, then shared, read-only, by all who ask for the same."""
