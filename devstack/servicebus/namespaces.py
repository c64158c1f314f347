"""Every entity by its path, and how messages get from a topic to its subscriptions. Pure, with the clock given."""

from collections.abc import Callable, Iterable

from devstack.amqp.errors import NOT_FOUND, AmqpError
from devstack.clock import Clock
from devstack.servicebus import paths
from devstack.servicebus.configuration import Queue, Subscription, Topic
from devstack.servicebus.inlets import Inlet
from devstack.servicebus.messages import StoredMessage
from devstack.servicebus.queues import MessageQueue


class Namespace:
    """Queues and topics. A path is case-insensitive: `topic`, `topic/Subscriptions/name`, `queue/$DeadLetterQueue`.

    A queue is an inlet and a queue, a topic only an inlet, a subscription and dead letters only a queue.
    """

    def __init__(self, *, topics: Iterable[Topic], queues: Iterable[Queue], clock: Clock) -> None:
        self._clock = clock
        self._inlets: dict[str, Inlet] = {}
        self._queues: dict[str, MessageQueue] = {}
        for queue in queues:
            self._add_inlet(queue, self._add_queue(queue.name, queue).append)
        for topic in topics:
            self._add_topic(topic)

    def find_inlet(self, path: str) -> Inlet:
        """Return the entrance of a queue or topic. Raises AmqpError."""
        found = self._inlets.get(paths.normalize(path))
        if found is None:
            raise _not_found(path)
        return found

    def find_queue(self, path: str) -> MessageQueue:
        """Return a queue, a subscription or a dead-letter queue. Raises AmqpError."""
        found = self._queues.get(paths.normalize(path))
        if found is None:
            raise _not_found(path)
        return found

    def peek(self, path: str) -> list[StoredMessage]:
        """Return what is in a queue and what waits for its time to get there, by number. Raises AmqpError."""
        inlet = self._inlets.get(paths.normalize(path))
        waiting = inlet.scheduled if inlet else ()
        return sorted((*self.find_queue(path).messages, *waiting), key=lambda message: message.sequence_number)

    def advance(self) -> None:
        """Let happen what happens by itself: scheduled messages, lost locks, expiry."""
        for inlet in self._inlets.values():
            inlet.advance()
        for queue in self._queues.values():
            queue.advance()

    def clear(self) -> None:
        """Empty every entity and forget the ids seen."""
        for inlet in self._inlets.values():
            inlet.clear()
        for queue in self._queues.values():
            queue.clear()

    def _add_topic(self, topic: Topic) -> None:
        routes = [
            (subscription, self._add_queue(f"{topic.name}/subscriptions/{subscription.name}", subscription))
            for subscription in topic.subscriptions
        ]

        def deliver(message: StoredMessage) -> None:
            for subscription, queue in routes:
                if subscription.admits(message):
                    queue.append_next(message)

        self._add_inlet(topic, deliver)

    def _add_inlet(self, config: Queue | Topic, deliver: Callable[[StoredMessage], None]) -> None:
        inlet = Inlet(clock=self._clock, duplicate_window=config.duplicate_window, deliver=deliver)
        self._inlets[paths.normalize(config.name)] = inlet

    def _add_queue(self, name: str, config: Queue | Subscription) -> MessageQueue:
        path = paths.normalize(name)
        letters = MessageQueue(f"{path}/{paths.DEAD_LETTERS}", config, self._clock)
        self._queues[letters.path] = letters
        self._queues[path] = MessageQueue(path, config, self._clock, letters)
        return self._queues[path]


def _not_found(path: str) -> AmqpError:
    # @azure/service-bus tells this error from a passing one by these words.
    return AmqpError(NOT_FOUND, f"The messaging entity '{path}' could not be found")
