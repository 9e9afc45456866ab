"""The service: many tenants, durable runs, one process on SQLite or many workers on PostgreSQL."""
