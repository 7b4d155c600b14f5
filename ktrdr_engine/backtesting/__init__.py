"""Backtests as operations: the request, the validated job, the engine and the service that runs it."""
