// The event subscriptions: after the app was uploaded, because Event Grid asks for the function (hooks/subscribe.sh).
targetScope = 'subscription'

@description('Resource ids of the system topics, one for each vault.')
@minLength(1)
param systemTopicIds array

@description('Name of the subscriptions. It appears in the paths of dead letters.')
param subscriptionName string = 'keyvault-fanout'

@description('Resource id of the Function App.')
param functionAppId string

@description('Resource id of the queue that events go to in the private variant; empty where the function is called.')
param eventQueueId string = ''

@description('Resource id of the storage account that keeps dead letters.')
param storageAccountId string

module eventSubscriptions 'modules/event-subscription.bicep' = [for (topic, i) in systemTopicIds: {
  name: 'fanout-events-${i}'
  scope: resourceGroup(split(topic, '/')[2], split(topic, '/')[4])
  params: {
    systemTopicName: last(split(topic, '/'))
    name: subscriptionName
    functionAppId: functionAppId
    eventQueueId: eventQueueId
    storageAccountId: storageAccountId
  }
}]
