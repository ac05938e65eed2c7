"""The networks of the codec, and how they are run."""
