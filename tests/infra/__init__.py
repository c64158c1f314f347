"""The Azure side of a deployment, as far as it can be looked at without Azure: infra/ and azure.yaml."""
