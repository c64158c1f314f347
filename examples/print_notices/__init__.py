"""Print the notices of a subscription as sentences for people: `python -m print_notices`.

wording      a notice -> one line            pure
__main__     the environment, and a listener
"""
