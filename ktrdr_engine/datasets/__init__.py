"""Prices from elsewhere, as operations: sources, merging with what is there, and the files they end in."""
