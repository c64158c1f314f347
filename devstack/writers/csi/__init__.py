"""The Secrets Store CSI driver as a writer of Secrets: its nodes, its controllers, and what identifies it.

    manifests                        the CSIDriver, the DaemonSet and the pod statuses; pure
    pace                             the generations, and every duration
    secrets                          how each generation writes one Secret
    volume                           one pod's volume: mounted, mounted anew, and its Secrets written from its files
    driver                           all volumes of a cluster or a node

From csi-semantics 3.3 to 3.5 and 4. Left out: Windows, parameters on the pod's volume, `nodePublishSecretRef`, the
driver's events, several volumes of one class in a pod (only the first is mounted), tokens of the pod (the vault sees
the driver's user), files (the content stays in memory), the 10-hour resync.
"""

from devstack.writers.csi.driver import Driver
from devstack.writers.csi.manifests import csi_driver, daemon_set, pod_status
from devstack.writers.csi.pace import Generation, Pace

__all__ = ["Driver", "Generation", "Pace", "csi_driver", "daemon_set", "pod_status"]
