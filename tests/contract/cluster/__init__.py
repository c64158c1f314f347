"""The cluster's edge against two API servers: the devstack's and the real one. Where they part: test_differences."""
