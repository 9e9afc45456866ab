"""The store: runs and their journals in a database (SQLite in WAL mode, PostgreSQL), so that a run outlives its process."""
