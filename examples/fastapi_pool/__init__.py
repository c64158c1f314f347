"""A web service whose database password is rotated while it answers: `python -m fastapi_pool`.

credentials   a secret's content -> user and password            pure
database      a pool for one version, proven before it is used; the old one ends after its last request
following     what the vault holds, looked at when a notice says so
service       the routes, and what lives as long as the service
__main__      the environment, and uvicorn
"""
