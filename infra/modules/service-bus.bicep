// The topic of notices, the queues, and the app's roles on each of them. Keys (SAS) are switched off.

@description('Name of the namespace.')
param name string

@description('Where it is made.')
param location string

@description('Its tags.')
param tags object

@description('Its tier.')
param sku string

@description('Object id of the app\'s identity.')
param principalId string

@description('The topic of notices.')
param noticeTopic string

@description('The queue of jobs.')
param jobQueue string

@description('The queue that Event Grid delivers to; empty where it calls the function.')
param eventQueue string

@description('The subscription that the sweep looks through.')
param watchSubscription string

@description('The subscription that the live page looks through, on whoever\'s machine.')
param liveSubscription string

@description('Whether the app serves that page, and so has to look through it.')
param livePage bool

@description('Subscriptions for applications: {name, ordered, filter}.')
param subscriptions array

@description('Whether only private endpoints and trusted services (Event Grid) get in.')
param closed bool

var sender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
var receiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
var owner = '090c5cfd-751d-490a-894a-3ce6f1109419'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    tier: sku
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: closed ? 'Disabled' : 'Enabled'
  }
}

resource rules 'Microsoft.ServiceBus/namespaces/networkRuleSets@2024-01-01' = if (closed) {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: true
  }
}

// Two days: longer than Event Grid delivers one event, so that a redelivery adds nothing (docs/configuration.md).
resource topic 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' = {
  parent: namespace
  name: noticeTopic
  properties: {
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'P2D'
    defaultMessageTimeToLive: 'P14D'
    supportOrdering: true
  }
}

// Nobody receives from it: the sweep only looks. It keeps what was told for as long as a sweep may look back.
resource watch 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = {
  parent: topic
  name: watchSubscription
  properties: {
    requiresSession: false
    defaultMessageTimeToLive: 'P2D'
    deadLetteringOnMessageExpiration: false
    maxDeliveryCount: 10
  }
}

// Named $Default, so that it takes the place of the rule that lets everything through.
resource watched 'Microsoft.ServiceBus/namespaces/topics/subscriptions/rules@2024-01-01' = {
  parent: watch
  name: '$Default'
  properties: {
    filterType: 'CorrelationFilter'
    correlationFilter: {
      properties: {
        noticeType: 'object.new-version'
      }
    }
  }
}

// Nobody receives from it, either: whoever wants to see what happens looks through it. It keeps half a day, of everything.
resource live 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = {
  parent: topic
  name: liveSubscription
  properties: {
    requiresSession: false
    defaultMessageTimeToLive: 'PT12H'
    deadLetteringOnMessageExpiration: false
    maxDeliveryCount: 10
  }
}

// A week: an application that was away for longer reads its secrets when it starts.
resource listening 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = [for one in subscriptions: {
  parent: topic
  name: one.name
  properties: {
    requiresSession: one.ordered
    defaultMessageTimeToLive: 'P7D'
    deadLetteringOnMessageExpiration: false
    maxDeliveryCount: 10
  }
}]

resource filters 'Microsoft.ServiceBus/namespaces/topics/subscriptions/rules@2024-01-01' = [for (one, i) in subscriptions: {
  parent: listening[i]
  name: '$Default'
  properties: {
    filterType: 'CorrelationFilter'
    correlationFilter: {
      properties: one.filter
    }
  }
}]

// Longer than RETRY_LIMIT_SECONDS may be (a week); a job that nobody took in that time is kept as a dead letter.
resource jobs 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: jobQueue
  properties: {
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'P2D'
    requiresSession: false
    lockDuration: 'PT1M'
    maxDeliveryCount: 10
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
}

// What applications say when they use a new version. Whoever wants to know reads it in time; nothing depends on it.
resource acks 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'acks'
  properties: {
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'P2D'
    requiresSession: false
    lockDuration: 'PT1M'
    maxDeliveryCount: 10
    defaultMessageTimeToLive: 'P7D'
    deadLetteringOnMessageExpiration: false
  }
}

// A queue gives back at once what failed, where Event Grid would wait: as many deliveries as Event Grid makes.
resource events 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = if (!empty(eventQueue)) {
  parent: namespace
  name: empty(eventQueue) ? 'unused' : eventQueue
  properties: {
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'P2D'
    requiresSession: false
    lockDuration: 'PT1M'
    maxDeliveryCount: 30
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
}

resource tellsNotices 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(topic.id, principalId, sender)
  scope: topic
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', sender)
  }
}

resource looksAtNotices 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(watch.id, principalId, receiver)
  scope: watch
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', receiver)
  }
}

resource showsNotices 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (livePage) {
  name: guid(live.id, principalId, receiver)
  scope: live
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', receiver)
  }
}

// Owner, and not receiver: whoever may not ask for the queue's length looks at its first messages, and jobs that wait for
// their time stand before one that is due. The host would not wake for it.
resource takesJobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(jobs.id, principalId, owner)
  scope: jobs
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', owner)
  }
}

resource takesEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(eventQueue)) {
  name: guid(events.id, principalId, receiver)
  scope: events
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', receiver)
  }
}

output id string = namespace.id
output name string = namespace.name
output host string = split(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':')[0]
output eventQueueId string = empty(eventQueue) ? '' : events.id
