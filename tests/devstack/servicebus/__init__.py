"""The local Service Bus: its semantics with a clock moved by hand, its wire with a peer of our own, the real SDK."""
