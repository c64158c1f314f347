# Key Vault Fan-out in one subscription: the same as ../main.bicep and ../events.bicep, by the same parameters.

locals {
  token               = substr(sha256("${var.subscription_id}/${var.environment_name}/${var.location}"), 0, 13)
  resource_group_name = var.resource_group_name != "" ? var.resource_group_name : "rg-${var.environment_name}"
  tags                = merge(var.tags, { "azd-env-name" = var.environment_name })

  notice_topic       = "keyvault-changes"
  job_queue          = "keyvault-jobs"
  event_queue        = "keyvault-events"
  watch_subscription = "fanout-watch"
  live_subscription  = "fanout-live"

  # By the vault's name, which is unique in the world.
  vaults       = { for vault in var.vaults : lower(reverse(split("/", vault.id))[0]) => vault }
  aks_clusters = { for cluster in var.clusters : cluster.name => cluster.aks if can(cluster.aks) }

  settings = {
    AzureWebJobsStorage__accountName              = azurerm_storage_account.this.name
    AzureWebJobsStorage__credential               = "managedidentity"
    AzureWebJobsStorage__clientId                 = azurerm_user_assigned_identity.this.client_id
    APPLICATIONINSIGHTS_CONNECTION_STRING         = azurerm_application_insights.this.connection_string
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING     = "ClientId=${azurerm_user_assigned_identity.this.client_id};Authorization=AAD"
    PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY   = "true"
    OTEL_PYTHON_DISABLED_INSTRUMENTATIONS         = "azure_sdk,django,fastapi,flask,psycopg2,requests,urllib,urllib3"
    AZURE_CLIENT_ID                               = azurerm_user_assigned_identity.this.client_id
    KEY_VAULTS                                    = join(",", [for name in sort(keys(local.vaults)) : "${name}=https://${name}.vault.azure.net"])
    CLUSTERS                                      = jsonencode(var.clusters)
    ServiceBusConnection__fullyQualifiedNamespace = "${azurerm_servicebus_namespace.this.name}.servicebus.windows.net"
    ServiceBusConnection__credential              = "managedidentity"
    ServiceBusConnection__clientId                = azurerm_user_assigned_identity.this.client_id
    NOTICE_TOPIC                                  = local.notice_topic
    JOB_QUEUE                                     = local.job_queue
    EVENT_QUEUE                                   = var.private_network ? local.event_queue : ""
    WATCH_SUBSCRIPTION                            = local.watch_subscription
    LIVE_SUBSCRIPTION                             = var.live_page ? local.live_subscription : ""
    SWEEP_SCHEDULE                                = var.sweep_schedule
  }
}

resource "azurerm_resource_group" "this" {
  name     = local.resource_group_name
  location = var.location
  tags     = local.tags
}

resource "azurerm_user_assigned_identity" "this" {
  name                = "id-fanout-${local.token}"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
}
