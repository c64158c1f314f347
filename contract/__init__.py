"""The contract with those who listen: what may be in a notice, said once.

`catalogue` is the source. JSON Schemas and the AsyncAPI document under `schemas/` and the tables and examples in
docs/notices.md are generated from it (`make schemas`), and every notice that the tests see is held against it. The app
itself never imports this package.
"""
