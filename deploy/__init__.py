"""What a cluster and a subscription are given, so that the app may run there.

`kubernetes/` holds the rights by hand, one manifest for each feature. `rights` splits them into what stays
cluster-wide and what can be granted namespace by namespace; `documents` writes `kustomize/` and `helm/` from that. The
Azure side is in `infra/`. Nothing here is deployed with the app.
"""
