"""Tell the owner of a vault object that it expires, or did not arrive: `python -m near_expiry`.

composing    a notice -> a message -> a card, a chat text, a mail    pure
settings     the environment -> settings                             pure
owners       the vault object's tag `owner`, without its value
sending      a message goes to a webhook, to a mail server, or to the terminal
telling      the handler: once for each version, and again where it was not sent
__main__     the program
"""
