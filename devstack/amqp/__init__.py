"""AMQP 1.0 for a server on asyncio, as far as Service Bus clients need it. Knows nothing of Service Bus.

Not here: the client's side, transactions, link recovery (resume), aborted deliveries, a peer's session window (credit
bounds what is under way), types and fields that no Service Bus client sends. What is not known is refused.

    codec         values to bytes and back, within limits
    performatives what two peers say to one another, and the outcomes of deliveries
    messages      the sections of a message
    framing       frames and protocol headers
    errors        what the peer is told
    nodes         what the server behind this engine has to provide
    channels      what goes out in one session
    links         one direction of messages: transfers in, transfers out
    sessions      which handle is which link
    connections   one TCP connection from its first byte to its last
"""
