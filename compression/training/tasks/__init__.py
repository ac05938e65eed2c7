"""What is learned: each task brings its data, its loss and its result to the one loop."""
