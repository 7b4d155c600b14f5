"""The operation engine: long computations as handles that clients pull.

Nothing here knows what an operation computes. The public names live in the modules:
`models`, `bridge`, `cancellation`, `orchestrator`, `service`, `store`, `health`, `sources`.
"""
