"""What is learned: each task brings its data, its loss and its result to the one loop.

base.py       what a task says
recurrent/    photos -> the recurrent network
bits/         its codes -> a probability model, which codes them shorter
"""
