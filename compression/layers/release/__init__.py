"""Blocks of the 2017 release that only its entropy coder needs."""
