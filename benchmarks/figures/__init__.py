"""The figures, one module each: all have a `FIGURE` with the same shape (`benchmarks.figure`)."""
