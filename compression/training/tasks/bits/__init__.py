"""The training of an entropy coder's probability model on codes."""
