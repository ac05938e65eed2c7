"""Photos in and out: reading, orientation, colour, transparency, writing."""
