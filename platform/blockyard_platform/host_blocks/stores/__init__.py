"""What tenants keep: keys with values, and files. Each tenant has its own, within a quota."""
