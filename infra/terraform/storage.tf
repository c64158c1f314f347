# The host's storage, the app's package and Event Grid's dead letters. Entra only: keys are switched off.

resource "azurerm_storage_account" "this" {
  name                            = "stfanout${local.token}"
  resource_group_name             = azurerm_resource_group.this.name
  location                        = var.location
  tags                            = local.tags
  account_tier                    = "Standard"
  account_replication_type        = "LRS"
  allow_nested_items_to_be_public = false
  shared_access_key_enabled       = false
  default_to_oauth_authentication = true
  min_tls_version                 = "TLS1_2"

  network_rules {
    bypass         = ["AzureServices"]
    default_action = var.private_network ? "Deny" : "Allow"
  }
}

resource "azurerm_storage_container" "package" {
  name               = "app-package"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_storage_container" "dead_letters" {
  name               = "dead-letters"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_role_assignment" "hosting" {
  for_each = toset([
    "Storage Blob Data Owner",
    "Storage Queue Data Contributor",
    "Storage Table Data Contributor",
  ])

  scope                = azurerm_storage_account.this.id
  role_definition_name = each.value
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}
