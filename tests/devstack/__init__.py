"""The devstack against the unmodified SDKs."""
