"""What the cluster's side of a deployment is made from: rights, Kustomize and the Helm chart."""
