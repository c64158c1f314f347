"""A worker whose key is a mounted file: `python -m file_worker`.

mounted     the file's content, looked at rarely, and often after a notice
working     the work: each job is signed with the newest key
__main__    the program
"""
