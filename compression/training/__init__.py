"""Training: the trainer, its schedules and its callbacks."""
