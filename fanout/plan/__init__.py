"""`fanout plan`: what would be done, and why. Nothing is changed, told or put on the queue."""
