// One vault's events, to the function by its resource id, or to the queue of the private variant.

@description('The vault\'s topic.')
param systemTopicName string

@description('Name of the subscription.')
param name string

@description('Resource id of the Function App.')
param functionAppId string

@description('Resource id of the queue; empty where the function is called.')
param eventQueueId string

@description('Resource id of the storage account that keeps dead letters.')
param storageAccountId string

var common = {
  eventDeliverySchema: 'CloudEventSchemaV1_0'
  filter: {
    includedEventTypes: [
      'Microsoft.KeyVault.SecretNewVersionCreated'
      'Microsoft.KeyVault.SecretNearExpiry'
      'Microsoft.KeyVault.SecretExpired'
      'Microsoft.KeyVault.KeyNewVersionCreated'
      'Microsoft.KeyVault.KeyNearExpiry'
      'Microsoft.KeyVault.KeyExpired'
      'Microsoft.KeyVault.CertificateNewVersionCreated'
      'Microsoft.KeyVault.CertificateNearExpiry'
      'Microsoft.KeyVault.CertificateExpired'
    ]
  }
  retryPolicy: {
    maxDeliveryAttempts: 30
    eventTimeToLiveInMinutes: 1440
  }
  deadLetterWithResourceIdentity: {
    identity: {
      type: 'SystemAssigned'
    }
    deadLetterDestination: {
      endpointType: 'StorageBlob'
      properties: {
        resourceId: storageAccountId
        blobContainerName: 'dead-letters'
      }
    }
  }
}

var toFunction = {
  destination: {
    endpointType: 'AzureFunction'
    properties: {
      resourceId: '${functionAppId}/functions/on_key_vault_event'
      maxEventsPerBatch: 1
      preferredBatchSizeInKilobytes: 64
    }
  }
}

var toQueue = {
  deliveryWithResourceIdentity: {
    identity: {
      type: 'SystemAssigned'
    }
    destination: {
      endpointType: 'ServiceBusQueue'
      properties: {
        resourceId: eventQueueId
      }
    }
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = {
  name: systemTopicName
}

resource delivery 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: topic
  name: name
  properties: union(common, empty(eventQueueId) ? toFunction : toQueue)
}
