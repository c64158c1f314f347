// What the app may do with one vault: read. In the vault's own resource group.

@description('The vault.')
param vaultName string

@description('Object id of the app\'s identity.')
param principalId string

@description('Whether keys are read.')
param readKeys bool

@description('Whether certificates are read by themselves.')
param readCertificates bool

// Key Vault Secrets User; Key Vault Crypto User; Key Vault Certificate User.
var roles = concat([
  '4633458b-17de-408a-b874-0445c86b69e6'
], readKeys ? [
  '12338af0-0e69-4776-bea7-57ae8d297424'
] : [], readCertificates ? [
  'db79e9a7-68ee-4b58-9aeb-b90e7c24fcba'
] : [])

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in roles: {
  name: guid(vault.id, principalId, role)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}]
