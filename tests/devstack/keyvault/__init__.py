"""The vault against the azure-keyvault clients."""
