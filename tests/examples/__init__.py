"""The examples in Python on the local stack, each as the process that a user starts."""
