"""Entropy coders: what stands between the bits of the networks and the bytes of a file."""

from compression.entropy_coder.packed import EntropyCoder, PackedBits

__all__ = ["EntropyCoder", "PackedBits"]
