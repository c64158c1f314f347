"""Golden cases: what the real driver and provider do, as lines of JSON, and the runner that compares ours with it.

`driver.jsonl` holds the cases of this repository; each is named after the section of csi-semantics that it shows, and
after the golden vector where it is one. What they expect comes from that document and from the functions of provider
v1.8.2 and driver v1.6.0 themselves, run on the same input, never from ours. The private keys in it protect nothing.
`python -m tests.golden FILE` runs any file of the same format.
"""
