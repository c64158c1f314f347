"""A Key Vault, a Kubernetes API, a Service Bus and a Functions host on loopback, for trying and for tests.

Small servers of our own, spoken to by the unmodified SDKs over their real protocols. Nothing here persists,
nothing listens beyond 127.0.0.1, and what is not implemented is refused (404, 501), never quietly accepted.
The product (`shared`) never imports this package.

    clock, faults        what every server takes: the time, and failures on request
    certificates         a throw-away CA and leaf, because Key Vault's SDK refuses plain http
    amqp, servicebus     AMQP 1.0 on asyncio; queues, topics, locks, filters, duplicates
    keyvault, identity   secrets, keys and certificates behind challenge authentication; managed identity tokens
    kubernetes           Secrets, pods and the CSI resources: patch, conflict, list, watch
    host                 Event Grid's deliveries and handshakes, run through Microsoft's worker library
    writers              the other programs that write Secrets: the CSI driver, External Secrets, the sync controller
    livepage, rotation   the operator's live page beside the stack, and what its button asks for
    stack, run, up       everything together: started, demonstrated, kept running
"""
