"""AMQP 1.0 for a server on asyncio, as far as Service Bus clients need it. Knows nothing of Service Bus.

Not here: the client's side, transactions, link recovery (resume), descriptors written as symbols.

    values        AMQP's own types, where Python's do not say enough
    encoding      a value -> bytes
    decoding      bytes -> a value, within limits
    composites    lists with a descriptor and named fields
    performatives what two peers say to one another, and the outcomes of deliveries
    messages      the sections of a message
    framing       frames and protocol headers
    errors        what the peer is told
    nodes         what the server behind this engine has to provide
    links         one direction of messages: transfers in, transfers out
    sessions      handles, windows and delivery numbers
    connections   one TCP connection from its first byte to its last
"""
