"""The package index: the machine's settings of it, and a gateway that shows it, and nothing else, to a jail."""
