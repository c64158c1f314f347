"""The live page: what it makes of notices, how it is served, and how it looks and behaves in a real browser."""
