"""Blockyard: validated workflows of blocks and jailed Python, from a library or a command line."""
