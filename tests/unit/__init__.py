"""The pure rooms, one at a time."""
