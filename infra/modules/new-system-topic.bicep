// An Event Grid system topic of a vault, with an identity of its own.

@description('Name of the topic.')
param name string

@description('Where the vault is.')
param location string

@description('Resource id of the vault.')
param vaultId string

@description('Its tags.')
param tags object

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: vaultId
    topicType: 'Microsoft.KeyVault.vaults'
  }
}

output id string = topic.id
output principalId string = topic.identity.principalId
