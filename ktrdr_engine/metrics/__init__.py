"""The numbers of a finished run: pure functions on arrays."""
