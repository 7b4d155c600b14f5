"""Trained models: what they are, how they are kept in a file, and how they predict.

`metadata` says what a model is without torch; `network` builds it; `archive` is the file's bytes; `bundle` is the
loaded model; `library` finds models by name. How a model is trained lives in `ktrdr_engine.training`.
"""
