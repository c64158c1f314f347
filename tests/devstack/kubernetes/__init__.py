"""The Kubernetes API of the devstack: what it means (no sockets), and that the unmodified clients agree."""
