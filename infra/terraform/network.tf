# The private variant: a network for the app, or somebody's subnets, and private endpoints of what it talks to.

locals {
  makes_network      = var.private_network && (var.app_subnet_id == "" || var.endpoint_subnet_id == "")
  app_subnet_id      = local.makes_network ? one(azurerm_subnet.app[*].id) : var.app_subnet_id
  endpoint_subnet_id = local.makes_network ? one(azurerm_subnet.endpoints[*].id) : var.endpoint_subnet_id
  network_id         = join("/", slice(split("/", "${local.app_subnet_id}////////"), 0, 9))

  zones = {
    blob      = "privatelink.blob.core.windows.net"
    queue     = "privatelink.queue.core.windows.net"
    table     = "privatelink.table.core.windows.net"
    namespace = "privatelink.servicebus.windows.net"
    vault     = "privatelink.vaultcore.azure.net"
  }

  endpoints = var.private_network ? merge(
    {
      blob       = { target = azurerm_storage_account.this.id, group = "blob" }
      queue      = { target = azurerm_storage_account.this.id, group = "queue" }
      table      = { target = azurerm_storage_account.this.id, group = "table" }
      servicebus = { target = azurerm_servicebus_namespace.this.id, group = "namespace" }
    },
    { for name, vault in local.vaults : name => { target = vault.id, group = "vault" } if var.create_vault_endpoints }
  ) : {}
}

resource "azurerm_virtual_network" "this" {
  count = local.makes_network ? 1 : 0

  name                = "vnet-fanout-${local.token}"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  address_space       = [var.address_prefix]
}

resource "azurerm_subnet" "app" {
  count = local.makes_network ? 1 : 0

  name                 = "app"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this[0].name
  address_prefixes     = [cidrsubnet(var.address_prefix, 24 - tonumber(split("/", var.address_prefix)[1]), 0)]

  delegation {
    name = "app"

    service_delegation {
      name = "Microsoft.App/environments"
    }
  }
}

resource "azurerm_subnet" "endpoints" {
  count = local.makes_network ? 1 : 0

  name                              = "endpoints"
  resource_group_name               = azurerm_resource_group.this.name
  virtual_network_name              = azurerm_virtual_network.this[0].name
  address_prefixes                  = [cidrsubnet(var.address_prefix, 24 - tonumber(split("/", var.address_prefix)[1]), 1)]
  private_endpoint_network_policies = "Disabled"
}

resource "azurerm_private_dns_zone" "this" {
  for_each = { for group, name in local.zones : group => name if var.private_network && var.create_dns_zones }

  name                = each.value
  resource_group_name = azurerm_resource_group.this.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = azurerm_private_dns_zone.this

  name                  = "fanout-${local.token}"
  resource_group_name   = azurerm_resource_group.this.name
  private_dns_zone_name = each.value.name
  virtual_network_id    = local.network_id
  tags                  = local.tags
}

resource "azurerm_private_endpoint" "this" {
  for_each = local.endpoints

  name                = "pe-fanout-${each.key}-${local.token}"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  subnet_id           = local.endpoint_subnet_id

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value.target
    subresource_names              = [each.value.group]
    is_manual_connection           = false
  }

  dynamic "private_dns_zone_group" {
    for_each = var.create_dns_zones ? [azurerm_private_dns_zone.this[each.value.group].id] : []

    content {
      name                 = "default"
      private_dns_zone_ids = [private_dns_zone_group.value]
    }
  }
}
