"""The language policy: which Python a stage, or an expression, may be written in."""
