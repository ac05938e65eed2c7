"""Hu, Yang, Liu (AAAI 2020): codec.py tells it all; network.py has what learns."""
