"""Training: one loop, and what it needs; what is trained is in `tasks`."""
