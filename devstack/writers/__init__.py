"""The other programs that write Secrets, acting on their own: what the app has to live with.

    async with csi.Driver(stack.admit("csi"), generation=csi.Generation.V1_6_0, rotation=True) as driver:
        driver.hold("web-0")
        ...
        await driver.passed(2)

Each speaks to the API server and to the vault over HTTP, with a token and a user of its own (`access`), so that rights,
planned failures and the request logs of both tell it from the app. Reads from the bottom up:

    refusals, access                 what a neighbour says no with; where a writer finds its neighbours, and as whom
    cluster, classes, vault          the API by path; SecretProviderClasses; a secret's bytes
    loop, informer, writer           doing a thing again and again; a collection kept up to date; what all writers are
    csi                              the Secrets Store CSI driver, generations 1.5.6, 1.6.0 and 1.6.1
    external_secrets                 the External Secrets Operator
    secret_sync                      the Secrets Store Sync Controller

Only plain secrets: no certificates, keys, formats, encodings or version histories. Every duration is an argument, with
the real program's default. Whoever waits for something *not* to happen counts whole rounds (`passed`), never seconds.
"""

from devstack.writers.access import Access

__all__ = ["Access"]
