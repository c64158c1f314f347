"""Helm's own engine, built from source, for the tests of the chart."""
