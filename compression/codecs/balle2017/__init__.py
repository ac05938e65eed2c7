"""Ballé, Laparra, Simoncelli (ICLR 2017): codec.py tells it all; network.py has the transforms."""
