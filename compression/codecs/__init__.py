"""Codecs: images to bytes and back. The contract is in base.py."""
