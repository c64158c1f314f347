"""What is run from a checkout now and then, and by nothing else."""
