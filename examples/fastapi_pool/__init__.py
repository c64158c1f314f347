"""A web service whose database password is rotated while it answers: `python -m fastapi_pool`.

credentials   a secret's content -> user and password            pure
database      a pool for one version of it, proven before it is used
service       the routes, and what lives as long as the service
__main__      the environment, and uvicorn
"""
