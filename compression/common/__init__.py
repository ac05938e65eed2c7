"""What every room uses, and what knows no room: errors, files, configurations, programs."""
