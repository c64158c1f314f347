"""The Functions host with sample apps, mostly in a process of its own: one app per process."""
