"""The same tests against a neighbour of the local stack and against the real program, where a machine has it."""
