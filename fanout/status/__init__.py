"""`fanout status`: what is bound, which targets hold the newest version, which pods show it, and what waits.

    holding     what the metadata of a target tells. Pure
    survey      look at all of it, through the neighbours
    backlog     what the queue and the subscriptions keep, summed up. Pure
    report      tables and JSON. Pure
    command     arguments, and what is done in which order

No value is read, neither from the vault nor from a Secret: it compares times and annotations, as the sweep does.
`fanout plan` compares the bytes.
"""
