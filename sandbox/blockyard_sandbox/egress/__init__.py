"""The only way out for a jailed program: a proxy in the platform, and the rules for what it may reach."""
