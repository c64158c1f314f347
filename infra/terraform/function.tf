# The Function App on Flex Consumption. Its package comes from a container that it reads with its own identity.

resource "azurerm_service_plan" "this" {
  name                = "plan-fanout-${local.token}"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  os_type             = "Linux"
  sku_name            = "FC1"
}

resource "azapi_resource" "app" {
  type      = "Microsoft.Web/sites@2024-04-01"
  name      = "func-fanout-${local.token}"
  parent_id = azurerm_resource_group.this.id
  location  = var.location
  tags      = merge(local.tags, { "azd-service-name" = "app" })

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this.id]
  }

  body = {
    kind = "functionapp,linux"
    properties = {
      serverFarmId           = azurerm_service_plan.this.id
      httpsOnly              = true
      clientAffinityEnabled  = false
      virtualNetworkSubnetId = var.private_network ? local.app_subnet_id : null
      functionAppConfig = {
        deployment = {
          storage = {
            type  = "blobContainer"
            value = "${azurerm_storage_account.this.primary_blob_endpoint}${azurerm_storage_container.package.name}"
            authentication = {
              type                           = "UserAssignedIdentity"
              userAssignedIdentityResourceId = azurerm_user_assigned_identity.this.id
            }
          }
        }
        runtime = {
          name    = "python"
          version = "3.13"
        }
        scaleAndConcurrency = {
          instanceMemoryMB     = var.instance_memory
          maximumInstanceCount = var.maximum_instances
          # Python's default is one request at a time for each instance; the live page waits for news, and costs nothing meanwhile.
          triggers = {
            http = {
              perInstanceConcurrency = 24
            }
          }
          # Each function has instances of its own: jobs are what a rotation goes by where there are many clusters.
          alwaysReady = var.always_ready == 0 ? [] : [
            {
              name          = "function:${var.private_network ? "on_key_vault_event_message" : "on_key_vault_event"}"
              instanceCount = var.always_ready
            },
            {
              name          = "function:on_job"
              instanceCount = var.always_ready
            }
          ]
        }
      }
      siteConfig = {
        minTlsVersion = "1.2"
        appSettings   = [for name, value in merge(local.settings, var.app_settings) : { name = name, value = value }]
      }
    }
  }

  depends_on = [azurerm_role_assignment.hosting]
}

# They are there as soon as the app is: created they cannot be, only changed.
resource "azapi_update_resource" "publishing" {
  for_each = toset(["ftp", "scm"])

  type      = "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01"
  name      = each.value
  parent_id = azapi_resource.app.id
  body = {
    properties = {
      allow = false
    }
  }
}
