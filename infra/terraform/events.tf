# Each vault's Event Grid topic, what it may do with its own identity, and the subscriptions of the app.

locals {
  made_topics = { for name, vault in local.vaults : name => vault.id if vault.system_topic_id == null }
  kept_topics = { for name, vault in local.vaults : name => vault.system_topic_id if vault.system_topic_id != null }

  topic_ids = merge(
    { for name, topic in azapi_resource.system_topic : name => topic.id },
    local.kept_topics,
  )
  topic_principals = merge(
    { for name, topic in azapi_resource.system_topic : name => topic.output.identity.principalId },
    { for name, topic in data.azapi_resource.system_topic : name => topic.output.identity.principalId },
  )

  to_function = {
    destination = {
      endpointType = "AzureFunction"
      properties = {
        resourceId                    = "${azapi_resource.app.id}/functions/on_key_vault_event"
        maxEventsPerBatch             = 1
        preferredBatchSizeInKilobytes = 64
      }
    }
  }
  to_queue = {
    deliveryWithResourceIdentity = {
      identity = {
        type = "SystemAssigned"
      }
      destination = {
        endpointType = "ServiceBusQueue"
        properties = {
          resourceId = one(azurerm_servicebus_queue.events[*].id)
        }
      }
    }
  }
}

data "azapi_resource" "vault" {
  for_each = local.made_topics

  type                   = "Microsoft.KeyVault/vaults@2023-07-01"
  resource_id            = each.value
  response_export_values = ["location"]
}

data "azapi_resource" "system_topic" {
  for_each = local.kept_topics

  type                   = "Microsoft.EventGrid/systemTopics@2022-06-15"
  resource_id            = each.value
  response_export_values = ["identity.principalId"]
}

# A topic has to be where its vault is; it is made in the vault's resource group.
resource "azapi_resource" "system_topic" {
  for_each = local.made_topics

  type      = "Microsoft.EventGrid/systemTopics@2022-06-15"
  name      = "evgt-${each.key}"
  parent_id = join("/", slice(split("/", each.value), 0, 5))
  location  = data.azapi_resource.vault[each.key].output.location
  tags      = local.tags

  identity {
    type = "SystemAssigned"
  }

  body = {
    properties = {
      source    = each.value
      topicType = "Microsoft.KeyVault.vaults"
    }
  }

  response_export_values = ["identity.principalId"]
}

resource "azurerm_role_assignment" "dead_letters" {
  for_each = local.vaults

  scope                = azurerm_storage_container.dead_letters.resource_manager_id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = local.topic_principals[each.key]
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "delivery" {
  for_each = { for name, vault in local.vaults : name => vault if var.private_network }

  scope                = azurerm_servicebus_queue.events[0].id
  role_definition_name = "Azure Service Bus Data Sender"
  principal_id         = local.topic_principals[each.key]
  principal_type       = "ServicePrincipal"
}

resource "azapi_resource" "event_subscription" {
  for_each = { for name, vault in local.vaults : name => vault if var.subscribe }

  type      = "Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15"
  name      = var.subscription_name
  parent_id = local.topic_ids[each.key]

  body = {
    # By way of JSON: the two have different attributes, and both ends of a condition must be of one type.
    properties = merge(jsondecode(var.private_network ? jsonencode(local.to_queue) : jsonencode(local.to_function)), {
      eventDeliverySchema = "CloudEventSchemaV1_0"
      filter = {
        includedEventTypes = [
          "Microsoft.KeyVault.SecretNewVersionCreated",
          "Microsoft.KeyVault.SecretNearExpiry",
          "Microsoft.KeyVault.SecretExpired",
          "Microsoft.KeyVault.KeyNewVersionCreated",
          "Microsoft.KeyVault.KeyNearExpiry",
          "Microsoft.KeyVault.KeyExpired",
          "Microsoft.KeyVault.CertificateNewVersionCreated",
          "Microsoft.KeyVault.CertificateNearExpiry",
          "Microsoft.KeyVault.CertificateExpired",
        ]
      }
      retryPolicy = {
        maxDeliveryAttempts      = 30
        eventTimeToLiveInMinutes = 1440
      }
      deadLetterWithResourceIdentity = {
        identity = {
          type = "SystemAssigned"
        }
        deadLetterDestination = {
          endpointType = "StorageBlob"
          properties = {
            resourceId        = azurerm_storage_account.this.id
            blobContainerName = azurerm_storage_container.dead_letters.name
          }
        }
      }
    })
  }

  depends_on = [azurerm_role_assignment.dead_letters, azurerm_role_assignment.delivery]
}
