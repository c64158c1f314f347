"""`fanout doctor`: is each hop there, and may the identity use it? Prints the fix for what is not so.

    finding     what one check found: words, and the exit code they add up to. Pure
    rights      the rules of deploy/kubernetes, and what a missing one means. Pure
    delivery    what an Event Grid subscription should be like. Pure
    checks      run each check by itself, with a time-out
    identities, vaults, clusters, bus, clocks, arm
                one neighbour each; SDKs stop here
    report      tables and JSON. Pure
    command     arguments, and what is done in which order

Nothing is written anywhere, and no value is read: whether a secret may be read is tried on a name that nobody has.
"""
