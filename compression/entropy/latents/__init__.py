"""Models of integer latents, [h, w, C], and their codes.

factorized.py   a distribution for each channel: the layer that training learns it with
tables.py       the same in integers, saved with a model: encodes and decodes
"""
