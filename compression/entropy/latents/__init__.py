"""Models of integer latents, [h, w, C], and their codes.

factorized.py   a distribution for each channel: the layer that training learns it with
tables.py       the same in integers, saved with a model: encodes and decodes
adaptive.py     codes latents in fewer bytes, by what is known around them
"""
