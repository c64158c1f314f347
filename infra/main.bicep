// Key Vault Fan-out in one subscription: everything that it runs on, and its roles on vaults and clusters elsewhere.
// No key is made or read anywhere. The event subscriptions come afterwards (events.bicep): the function has to be there.
targetScope = 'subscription'

@description('What this installation is called. Names of resources are made from it.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Where everything is made. Event Grid topics are made where their vaults are.')
@minLength(1)
param location string

@description('The resource group that is made for everything but Event Grid topics and roles.')
param resourceGroupName string = 'rg-${environmentName}'

@description('Tags of every resource.')
param tags object = {}

@description('The vaults: {id: resource id} each. Where a vault has an Event Grid system topic already, it can have no other: {id, systemTopicId: resource id of that topic}. Such a topic needs a system-assigned identity.')
@minLength(1)
param vaults array

@description('The clusters, as the setting CLUSTERS takes them (docs/configuration.md): {name, aks: resource id}, and other keys as needed.')
param clusters array = []

@description('Subscriptions of the topic for applications: {name, ordered: whether it has sessions, filter: {vault, object, noticeType, ...}: what a correlation filter compares}.')
param subscriptions array = []

@description('Whether the identity gets its roles on the vaults here. Without, their owner has to assign them.')
param assignVaultRoles bool = true

@description('Whether the identity gets the role to ask for the address of each cluster with a key aks. Without, the owner of the cluster has to assign it.')
param assignClusterRoles bool = true

@description('Whether classes or owned Secrets take keys (key/NAME): adds the role Key Vault Crypto User.')
param readKeys bool = false

@description('Whether classes or owned Secrets take certificates without their private key (cert/NAME): adds the role Key Vault Certificate User.')
param readCertificates bool = false

@description('When the sweep runs: six fields, in UTC.')
param sweepSchedule string = '0 */15 * * * *'

@description('Further settings of the app, by name (docs/configuration.md). They win over those that are set here.')
param appSettings object = {}

@description('Tier of the Service Bus namespace. The private variant takes Premium whatever is said here.')
@allowed([
  'Standard'
  'Premium'
])
param serviceBusSku string = 'Standard'

@description('Memory of an instance in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemory int = 2048

@description('How many instances there may be at most.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('How many instances always wait for events, and as many for jobs. They cost while they wait, and spare a rotation the cold start.')
@minValue(0)
param alwaysReady int = 0

@description('How many days logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Whether alert rules and the workbook are made (docs/telemetry.md). Each rule costs a little every month.')
param createAlerts bool = true

@description('Resource ids of the action groups that alerts are sent to. None: they are only shown.')
param actionGroups array = []

@description('Days before an expiry that an alert is raised.')
param expiryDays int = 14

@description('Seconds that a rotation may take to reach a Secret before an alert is raised.')
param refreshSeconds int = 60

@description('Seconds without any event before an alert is raised. The app remembers two days, so the default never does: for vaults in which something is rotated every day, say 129600.')
param silenceSeconds int = 172800

@description('Whether the app serves the live page (docs/live.md), to who has its function key. Everybody else looks with fanout live.')
param livePage bool = false

@description('The private variant: Event Grid delivers to a queue; the app reaches storage, Service Bus and vaults by private endpoints.')
param privateNetwork bool = false

@description('Private variant: the address space of the network that is made.')
param addressPrefix string = '10.20.0.0/22'

@description('Private variant: an existing subnet for the app, delegated to Microsoft.App/environments. No network is made then.')
param appSubnetId string = ''

@description('Private variant: an existing subnet for private endpoints, of the same network.')
param endpointSubnetId string = ''

@description('Private variant: whether private DNS zones are made and linked. Without, somebody else registers the endpoints.')
param createDnsZones bool = true

@description('Private variant: whether each vault gets a private endpoint here. Without, it has to be reachable already.')
param createVaultEndpoints bool = true

var token = uniqueString(subscription().id, environmentName, location)
var allTags = union(tags, {
  'azd-env-name': environmentName
})
var noticeTopic = 'keyvault-changes'
var jobQueue = 'keyvault-jobs'
var eventQueue = 'keyvault-events'
var watchSubscription = 'fanout-watch'
var liveSubscription = 'fanout-live'
var vaultNames = map(vaults, vault => toLower(last(split(vault.id, '/'))))
var vaultUrls = map(vaultNames, name => '${name}=https://${name}${environment().suffixes.keyvaultDns}')
var topicPlaces = [for vault in vaults: contains(vault, 'systemTopicId') ? vault.systemTopicId : vault.id]
var aksClusters = filter(clusters, cluster => contains(cluster, 'aks'))
var vaultsWithRoles = assignVaultRoles ? vaults : []
var clustersWithRoles = assignClusterRoles ? aksClusters : []

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: 'fanout-identity'
  scope: group
  params: {
    name: 'id-fanout-${token}'
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'fanout-monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    principalId: identity.outputs.principalId
  }
}

module alerts 'telemetry/alerts.bicep' = if (createAlerts) {
  name: 'fanout-alerts'
  scope: group
  params: {
    component: monitoring.outputs.name
    actionGroups: actionGroups
    location: location
    expiryDays: expiryDays
    refreshSeconds: refreshSeconds
    silenceSeconds: silenceSeconds
  }
}

module storage 'modules/storage.bicep' = {
  name: 'fanout-storage'
  scope: group
  params: {
    name: 'stfanout${token}'
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    closed: privateNetwork
  }
}

module bus 'modules/service-bus.bicep' = {
  name: 'fanout-service-bus'
  scope: group
  params: {
    name: 'sb-fanout-${token}'
    location: location
    tags: allTags
    sku: privateNetwork ? 'Premium' : serviceBusSku
    principalId: identity.outputs.principalId
    noticeTopic: noticeTopic
    jobQueue: jobQueue
    eventQueue: privateNetwork ? eventQueue : ''
    watchSubscription: watchSubscription
    liveSubscription: liveSubscription
    livePage: livePage
    subscriptions: subscriptions
    closed: privateNetwork
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'fanout-network'
  scope: group
  params: {
    token: token
    location: location
    tags: allTags
    addressPrefix: addressPrefix
    appSubnetId: appSubnetId
    endpointSubnetId: endpointSubnetId
    createDnsZones: createDnsZones
    storageId: storage.outputs.id
    serviceBusId: bus.outputs.id
    vaultIds: createVaultEndpoints ? map(vaults, vault => vault.id) : []
  }
}

var settings = {
  AzureWebJobsStorage__accountName: storage.outputs.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,psycopg2,requests,urllib,urllib3'
  AZURE_CLIENT_ID: identity.outputs.clientId
  KEY_VAULTS: join(vaultUrls, ',')
  CLUSTERS: string(clusters)
  ServiceBusConnection__fullyQualifiedNamespace: bus.outputs.host
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identity.outputs.clientId
  NOTICE_TOPIC: noticeTopic
  JOB_QUEUE: jobQueue
  EVENT_QUEUE: privateNetwork ? eventQueue : ''
  WATCH_SUBSCRIPTION: watchSubscription
  LIVE_SUBSCRIPTION: livePage ? liveSubscription : ''
  SWEEP_SCHEDULE: sweepSchedule
}

module app 'modules/function.bicep' = {
  name: 'fanout-app'
  scope: group
  params: {
    token: token
    location: location
    tags: allTags
    identityId: identity.outputs.id
    packageUrl: storage.outputs.packageUrl
    settings: union(settings, appSettings)
    instanceMemory: instanceMemory
    maximumInstances: maximumInstances
    alwaysReady: alwaysReady
    subnetId: privateNetwork ? network.outputs.appSubnetId : ''
    listener: privateNetwork ? 'on_key_vault_event_message' : 'on_key_vault_event'
  }
}

module vaultRoles 'modules/vault-roles.bicep' = [for (vault, i) in vaultsWithRoles: {
  name: 'fanout-vault-roles-${i}'
  scope: resourceGroup(split(vault.id, '/')[2], split(vault.id, '/')[4])
  params: {
    vaultName: last(split(vault.id, '/'))
    principalId: identity.outputs.principalId
    readKeys: readKeys
    readCertificates: readCertificates
  }
}]

module clusterRoles 'modules/cluster-role.bicep' = [for (cluster, i) in clustersWithRoles: {
  name: 'fanout-cluster-role-${i}'
  scope: resourceGroup(split(cluster.aks, '/')[2], split(cluster.aks, '/')[4])
  params: {
    clusterName: last(split(cluster.aks, '/'))
    principalId: identity.outputs.principalId
  }
}]

module systemTopics 'modules/system-topic.bicep' = [for (vault, i) in vaults: {
  name: 'fanout-system-topic-${i}'
  scope: resourceGroup(split(topicPlaces[i], '/')[2], split(topicPlaces[i], '/')[4])
  params: {
    vaultName: last(split(vault.id, '/'))
    existingName: contains(vault, 'systemTopicId') ? last(split(vault.systemTopicId, '/')) : ''
    tags: allTags
  }
}]

module deliveryRoles 'modules/delivery-roles.bicep' = [for (vault, i) in vaults: {
  name: 'fanout-delivery-roles-${i}'
  scope: group
  params: {
    principalId: systemTopics[i].outputs.principalId
    storageName: storage.outputs.name
    serviceBusName: bus.outputs.name
    eventQueue: privateNetwork ? eventQueue : ''
  }
}]

output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = app.outputs.name
output FUNCTION_APP_ID string = app.outputs.id
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
output IDENTITY_OBJECT_ID string = identity.outputs.principalId
output SERVICE_BUS_HOST string = bus.outputs.host
output STORAGE_ACCOUNT_ID string = storage.outputs.id
output DEAD_LETTER_URL string = storage.outputs.deadLetterUrl
output EVENT_QUEUE_ID string = bus.outputs.eventQueueId
output APPLICATION_INSIGHTS_NAME string = monitoring.outputs.name
output SYSTEM_TOPIC_IDS array = [for (vault, i) in vaults: systemTopics[i].outputs.id]
