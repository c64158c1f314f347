"""The operator's command: `python -m fanout`. It runs on a person's machine and is not deployed.

    environment     the app's own settings, from the environment or a file
    abreast         several at once, one after another
    progress        what a person sees while it takes long
    table           lines for people
    subcommand      what each command consists of
    errors          what the operator is told instead of a result
    deadletters/    what Event Grid and the job queue gave up on: list it, replay it

It uses `shared` as function_app.py does; nothing there knows this package.
"""
