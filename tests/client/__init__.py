"""The applications' client, against the local Service Bus, the local vault and real files."""
