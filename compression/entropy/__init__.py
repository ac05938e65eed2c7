"""Entropy coding in exact integers."""
