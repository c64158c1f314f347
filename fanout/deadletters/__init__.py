"""Dead letters: what Event Grid wrote to a blob container, and what the job queue gave up on.

    settings            where the container is
    verdict             what becomes of one: words, and the exit code they add up to. Pure
    events, jobs        one blob, one message: what it says, and whether it is ours. Pure
    container, subqueue the two neighbours; SDKs stop here
    event_replay, job_replay
                        list and replay, through the neighbours
    report              tables and JSON. Pure
    command             arguments, and what is done in which order

Both are foreign texts until they parsed: only fields that did are shown.
"""
