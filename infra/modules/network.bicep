// The private variant: a network for the app, or somebody's subnets, and private endpoints of what it talks to.

@description('What names are made unique by.')
param token string

@description('Where everything is made.')
param location string

@description('Tags of everything.')
param tags object

@description('Address space of a network that is made, at least a /23.')
param addressPrefix string

@description('An existing subnet for the app; empty to make a network.')
param appSubnetId string

@description('An existing subnet for endpoints; empty to make a network.')
param endpointSubnetId string

@description('Whether private DNS zones are made and linked.')
param createDnsZones bool

@description('Resource id of the storage account.')
param storageId string

@description('Resource id of the Service Bus namespace.')
param serviceBusId string

@description('Resource ids of the vaults that get an endpoint.')
param vaultIds array

var makesNetwork = empty(appSubnetId) || empty(endpointSubnetId)
var storageSuffix = environment().suffixes.storage
var zoneNames = [
  'privatelink.blob.${storageSuffix}'
  'privatelink.queue.${storageSuffix}'
  'privatelink.table.${storageSuffix}'
  'privatelink.servicebus.windows.net'
  'privatelink.vaultcore.azure.net'
]
var wantedZones = createDnsZones ? zoneNames : []
var fixedEndpoints = [
  {
    name: 'blob'
    target: storageId
    group: 'blob'
    zone: 0
  }
  {
    name: 'queue'
    target: storageId
    group: 'queue'
    zone: 1
  }
  {
    name: 'table'
    target: storageId
    group: 'table'
    zone: 2
  }
  {
    name: 'servicebus'
    target: serviceBusId
    group: 'namespace'
    zone: 3
  }
]
var vaultEndpoints = map(vaultIds, id => {
  name: last(split(id, '/'))
  target: id
  group: 'vault'
  zone: 4
})
var endpoints = concat(fixedEndpoints, vaultEndpoints)
var zonedEndpoints = createDnsZones ? endpoints : []

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = if (makesNetwork) {
  name: 'vnet-fanout-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 0)
          delegations: [
            {
              name: 'app'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 1)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }
}

var networkId = makesNetwork ? network.id : join(take(split(appSubnetId, '/'), 9), '/')
var endpointSubnet = makesNetwork ? '${network.id}/subnets/endpoints' : endpointSubnetId

resource zones 'Microsoft.Network/privateDnsZones@2020-06-01' = [for name in wantedZones: {
  name: name
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [for (name, i) in wantedZones: {
  parent: zones[i]
  name: 'fanout-${token}'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
  }
}]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [for endpoint in endpoints: {
  name: 'pe-fanout-${endpoint.name}-${token}'
  location: location
  tags: tags
  properties: {
    subnet: {
      id: endpointSubnet
    }
    privateLinkServiceConnections: [
      {
        name: endpoint.name
        properties: {
          privateLinkServiceId: endpoint.target
          groupIds: [
            endpoint.group
          ]
        }
      }
    ]
  }
}]

resource registrations 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (endpoint, i) in zonedEndpoints: {
  parent: privateEndpoints[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: endpoint.group
        properties: {
          privateDnsZoneId: zones[endpoint.zone].id
        }
      }
    ]
  }
}]

output appSubnetId string = makesNetwork ? '${network.id}/subnets/app' : appSubnetId
