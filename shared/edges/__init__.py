"""Where foreign types, exceptions and clocks stop: one module for each neighbour, one more for each way in.

Edges take plain arguments, never `Settings`, and return our types. They do not know one another.
"""
