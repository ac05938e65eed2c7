"""Photos -> codecs of one quality each: bits + lambda * distortion is made small.

config.py            what a training is told
trainer.py           the loss, and the result
task.py              data, optimizer, validation
principal.py         first weights of transforms
coarse_to_fine.py    and of hyper priors
"""
