"""The rooms of shared/csi: vectors that the golden file cannot express, and properties of arbitrary text."""
