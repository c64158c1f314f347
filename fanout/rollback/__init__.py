"""`fanout rollback`: make an older version's value the newest one, in the vault, so that every owner follows by itself.

    choice   which version is meant, and what the new one carries. Pure
    shelf    the versions of a secret, and the one write; SDKs stop here
    command  arguments, and what is done in which order

Why in the vault and nowhere else: docs/decisions/0012-rolling-back.md.
"""
