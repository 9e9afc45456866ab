"""The HTTP API: what the registry can do, with tokens, as problem documents when it cannot."""
