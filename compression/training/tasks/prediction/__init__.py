"""Photos -> the network of `dpcm_mlp`.

config.py      what a training is told
samples.py     windows of random pixels, with the errors that rounding leaves in them
trainer.py     the network in floats, its loss, and its integers
task.py        all of it together
"""
