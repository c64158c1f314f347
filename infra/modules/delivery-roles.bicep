// What a vault's Event Grid topic may do with its own identity: write dead letters, and in the private variant send.

@description('Object id of the topic\'s identity.')
param principalId string

@description('The storage account.')
param storageName string

@description('The Service Bus namespace.')
param serviceBusName string

@description('The queue that events go to; empty for none.')
param eventQueue string

// Storage Blob Data Contributor; Azure Service Bus Data Sender.
var contributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var sender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'

resource deadLetters 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {
  name: '${storageName}/default/dead-letters'
}

resource events 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = if (!empty(eventQueue)) {
  name: '${serviceBusName}/${empty(eventQueue) ? 'unused' : eventQueue}'
}

resource keeping 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadLetters.id, principalId, contributor)
  scope: deadLetters
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', contributor)
  }
}

resource sending 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(eventQueue)) {
  name: guid(events.id, principalId, sender)
  scope: events
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', sender)
  }
}
