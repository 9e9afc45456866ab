"""Operations: what an operator sees of the service and does to it: logs, traces, metrics, health, retention, backups."""
