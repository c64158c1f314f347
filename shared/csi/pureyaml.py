"""PyYAML's own parser, for where its C extension is missing. The events and tokens are those of libyaml."""

from yaml.parser import Parser as _Parser
from yaml.reader import Reader
from yaml.scanner import Scanner


class Parser(Reader, Scanner, _Parser):
    """PyYAML's parts of a parser, put together as its loaders do it."""

    def __init__(self, text: bytes) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        _Parser.__init__(self)
