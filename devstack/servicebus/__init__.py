"""A Service Bus namespace on loopback that the unmodified azure-servicebus SDK talks to.

    configuration   what exists: queues, topics, subscriptions, rules
    messages        a message, its place, and which of its bytes are the broker's
    inlets, queues, namespaces
                    what happens to messages; no I/O, the clock is given
    paths, tokens   names and keys
    requests, management
                    requests over a pair of links, and what they can ask
    operations      planned failures
    deliveries, clients, broker
                    the way from AMQP to all that, and the socket

What it does not do, and how it says so:

    sessions                 a session id is carried, a receiver that asks for one is refused (amqp:not-implemented)
    deferring                the outcome is rejected, the request answered with 501
    other $management        501: rules over AMQP, message sessions, deferred messages
    transactions             the connection is closed (amqp:decode-error)
    SQL filters, auto-forward, partitions, quotas, idle deletion, disabled entities, other size limits, a default
    time to live, dead letters of what has expired
                             cannot be configured
    closing a link whose token has run out
                             a token is looked at once, when it is shown
    persistence              everything is in memory
    the HTTP side            `ServiceBusAdministrationClient` finds nobody
    WebSockets               AMQP over TCP only, with or without TLS

Not verified against Azure: the wording of errors, whether duplicate detection sees a scheduled message when it is sent
or when it is enqueued (here: sent), what happens to a dead letter that is dead-lettered again (here: refused).
"""

from devstack.servicebus.broker import ServiceBus
from devstack.servicebus.configuration import CorrelationRule, Queue, Subscription, Topic
from devstack.servicebus.messages import StoredMessage
from devstack.servicebus.operations import Operation

__all__ = ["CorrelationRule", "Operation", "Queue", "ServiceBus", "StoredMessage", "Subscription", "Topic"]
