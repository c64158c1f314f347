// The vault's Event Grid topic: made here, in the vault's resource group, or the one that is there already.

@description('The vault.')
param vaultName string

@description('The topic that is there already; empty to make one.')
param existingName string

@description('Tags of a topic that is made.')
param tags object

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = if (empty(existingName)) {
  name: vaultName
}

resource existingTopic 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = if (!empty(existingName)) {
  name: empty(existingName) ? 'unused' : existingName
}

// A module of its own, because a topic has to be where its vault is, and only a parameter may be read from a resource.
module made 'new-system-topic.bicep' = if (empty(existingName)) {
  name: 'fanout-topic-of-${vaultName}'
  params: {
    name: 'evgt-${vaultName}'
    location: vault.location
    vaultId: vault.id
    tags: tags
  }
}

output id string = empty(existingName) ? made.outputs.id : existingTopic.id
output principalId string = empty(existingName) ? made.outputs.principalId : existingTopic.identity.principalId
