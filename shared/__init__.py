"""Key Vault Fan-out: from a Key Vault event to refreshed Secrets and a notice."""
