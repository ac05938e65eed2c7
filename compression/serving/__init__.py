"""A server of SavedModels that speaks TensorFlow Serving's protocols, for development and tests.

`python -m compression.serve` runs it. It serves any SavedModel, needs nothing of the networks of
this package, and answers as TensorFlow Serving does; where it differs, it refuses more.
Not there: Classify, Regress, MultiInference, batches made of several requests, version labels, and
the watch for new versions.
"""
