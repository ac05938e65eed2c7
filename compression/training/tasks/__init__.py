"""What is learned: each task brings its data, its loss and its result to the one loop.

base.py            what a task says
known.py           the codecs that are trained on photos
photos.py          which photos
recurrent/         photos -> the recurrent network
bits/              its codes -> a probability model, which codes them shorter
prediction/        photos -> the predictor of dpcm_mlp
rate_distortion/   photos -> codecs of one quality each, whose loss has the bits in it
"""
