"""The other writers: how each behaves, on fast clocks."""
