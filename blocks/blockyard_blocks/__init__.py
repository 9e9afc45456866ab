"""Blocks: typed functions with tags and limits, and the catalog that holds them."""
