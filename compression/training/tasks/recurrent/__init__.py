"""The training of the recurrent network on photos."""
