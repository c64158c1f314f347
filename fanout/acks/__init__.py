"""`fanout acks`: which instances of which applications say that they use which version of an object.

said        one message of the queue
roll        who uses what, and whether the old version can be revoked
report      as a table or as JSON
command     its arguments, and what is done in which order
"""
