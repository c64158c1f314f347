"""What the app costs, beside floors measured in the same run. `python -m benchmarks` prints, `make bench` writes.

spread, figure, table, report    samples, aims and verdicts, tables, the document; pure
figures/, catalogue              what is measured, one module each; the list of them
timing, world, scenes            in turns; the measuring process's side; what the clusters hold
one_target, fleet, first_event   what several programs are timed on; the app in a fresh process
bare_sdk, bare_wire, raw_amqp    the floors
servers, backstage, relays       the devstack in a process of its own, what is done behind its back, and distance
real_server                      a real API server, where it is built (`make envtest`)
machine, supervise, alone        on what it ran; a process for each figure
"""
