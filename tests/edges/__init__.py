"""Contract tests of the product's edges: over sockets, with the unmodified SDKs, against the local stack."""
