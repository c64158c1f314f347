# The identity's roles on what belongs to others. Inside a cluster, Kubernetes decides (docs/kubernetes-rbac.md).

locals {
  vault_roles = concat(
    ["Key Vault Secrets User"],
    var.read_keys ? ["Key Vault Crypto User"] : [],
    var.read_certificates ? ["Key Vault Certificate User"] : [],
  )

  vault_grants = {
    for pair in setproduct(keys(local.vaults), local.vault_roles) : "${pair[0]}/${pair[1]}" => {
      scope = local.vaults[pair[0]].id
      role  = pair[1]
    } if var.assign_vault_roles
  }
}

resource "azurerm_role_assignment" "vaults" {
  for_each = local.vault_grants

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "clusters" {
  for_each = { for name, id in local.aks_clusters : name => id if var.assign_cluster_roles }

  scope                = each.value
  role_definition_name = "Azure Kubernetes Service Cluster User Role"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}
