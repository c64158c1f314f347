"""The operator's command: `python -m fanout`. It runs on a person's machine.

Of it, Azure gets what the app can be asked over HTTP.

    environment     the app's own settings, from the environment or a file
    abreast         several at once, one after another
    progress        what a person sees while it takes long
    table           lines for people
    subcommand      what each command consists of
    errors          what the operator is told instead of a result
    arguments       arguments that several sub-commands have
    opening         the app's own clients, for one run
    estate          all that is listed and declared, and what belongs together
    prospect, foresight
                    what a refresh would do to each target: the flow's first half
    bus_reach       topic and queue, looked at: nothing is sent or taken
    doctor/         is each hop there, and may the identity use it?
    status/         who holds the newest version, who shows it, what waits
    plan/           what would be done, and why
    refresh/        do it now, and follow it
    rollback/       bring an older value back, in the vault
    deadletters/    what Event Grid and the job queue gave up on: list it, replay it
    live/           a page that shows rotations as the topic tells of them
    over_http       some of the commands, asked of the deployed app

It uses `shared` as function_app.py does; nothing there knows this package.
"""
