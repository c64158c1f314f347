"""The real API server for tests: kube-apiserver and etcd as programs of this machine, no kubelet and no containers."""
