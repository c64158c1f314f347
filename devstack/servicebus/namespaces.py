"""Every entity by its path, and how messages get from a topic to its subscriptions. Pure, with the clock given."""

from collections.abc import Callable, Iterable

from devstack.clock import Clock
from devstack.servicebus import filters, paths
from devstack.servicebus.configuration import Queue, Subscription, Topic
from devstack.servicebus.errors import EntityNotFoundError
from devstack.servicebus.inlets import Inlet
from devstack.servicebus.queues import MessageQueue
from devstack.servicebus.stored import StoredMessage


class Namespace:
    """Queues and topics. A path is case-insensitive: `topic`, `topic/Subscriptions/name`, `queue/$DeadLetterQueue`.

    `inlets` and `queues` are by normalized path; a queue is in both, a subscription and dead letters only in `queues`.
    """

    def __init__(self, *, topics: Iterable[Topic], queues: Iterable[Queue], clock: Clock) -> None:
        self._clock = clock
        self.inlets: dict[str, Inlet] = {}
        self.queues: dict[str, MessageQueue] = {}
        for queue in queues:
            path = paths.normalize(queue.name)
            self._add_inlet(path, queue, self._add_queue(path, queue).append)
        for topic in topics:
            self._add_topic(topic)

    def find_inlet(self, path: str) -> Inlet:
        """Return the entrance of a queue or topic. Raises EntityNotFoundError."""
        found = self.inlets.get(paths.normalize(path))
        if found is None:
            raise EntityNotFoundError(path)
        return found

    def find_queue(self, path: str) -> MessageQueue:
        """Return a queue, a subscription or a dead-letter queue. Raises EntityNotFoundError."""
        found = self.queues.get(paths.normalize(path))
        if found is None:
            raise EntityNotFoundError(path)
        return found

    def advance(self) -> None:
        """Let happen what happens by itself: scheduled messages, lost locks, expiry."""
        for inlet in self.inlets.values():
            inlet.advance()
        for queue in self.queues.values():
            queue.advance()

    def clear(self) -> None:
        """Empty every entity and forget the ids seen."""
        for inlet in self.inlets.values():
            inlet.clear()
        for queue in self.queues.values():
            queue.clear()

    def _add_topic(self, topic: Topic) -> None:
        routes: list[tuple[Subscription, MessageQueue]] = []
        for subscription in topic.subscriptions:
            path = paths.subscription(topic.name, subscription.name)
            routes.append((subscription, self._add_queue(path, subscription)))

        def deliver(stored: StoredMessage) -> None:
            for subscription, queue in routes:
                if filters.admits(subscription.rules, stored.message):
                    queue.append_next(stored)

        self._add_inlet(paths.normalize(topic.name), topic, deliver)

    def _add_inlet(self, path: str, config: Queue | Topic, deliver: Callable[[StoredMessage], None]) -> None:
        if path in self.inlets:
            raise ValueError(f"there are two entities named {path}")
        self.inlets[path] = Inlet(
            clock=self._clock,
            max_message_size=config.max_message_size,
            duplicate_window=config.duplicate_window,
            deliver=deliver,
        )

    def _add_queue(self, path: str, config: Queue | Subscription) -> MessageQueue:
        if path in self.queues:
            raise ValueError(f"there are two entities named {path}")
        letters = paths.dead_letters(path)
        self.queues[letters] = MessageQueue(letters, config, self._clock)
        self.queues[path] = MessageQueue(path, config, self._clock, self.queues[letters])
        return self.queues[path]
