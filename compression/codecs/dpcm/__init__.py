"""Neural predictive coding: see `codec.py`."""
