"""File formats, byte by byte; nothing here knows a network."""
