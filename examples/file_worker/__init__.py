"""A worker whose key is a mounted file: `python -m file_worker`.

working     the work: each job is signed with the newest key
__main__    the program
"""
