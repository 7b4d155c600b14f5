"""Prices: the validated series, the files that hold them, the ranges asked of them."""
