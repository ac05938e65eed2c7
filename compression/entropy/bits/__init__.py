"""Entropy coders: what stands between the bits of the networks and the bytes of a file.

    packed.py          coder 0, `none`: the bits as they are
    learned.py         coder 1, `learned`: a probability model, and
    range_coder.py     tensorflow-compression's range coder, or
    range_decoder.py   where TensorFlow is not installed, what reads the same bytes

A probability model is a Keras model that is trained, and an exact integer form that codes:

    interlaced.py    integer_interlaced.py     our own, what released models use
    progressive.py   integer_progressive.py    that of the 2017 release

    networks.py and models.py find them by name; configs.py has their architectures
    fixed_point.py and orders.py, integer_model.py: the arithmetic, and in which order places come

A payload of coder 1 is the output of one range coder, for the bits of one layer in the order of
the model: step by step (`orders.py`); within a step group by group, `interlaced` only; within that
place by place, and last depth by depth. Every bit has the probability at the index that the model
gives it, of the table that is saved with its weights.
"""

from compression.entropy.bits.packed import EntropyCoder, PackedBits

__all__ = ["EntropyCoder", "PackedBits"]
