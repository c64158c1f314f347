// The Function App on Flex Consumption. Its package comes from a container that it reads with its own identity.

@description('What names are made unique by.')
param token string

@description('Where everything is made.')
param location string

@description('Tags of everything.')
param tags object

@description('Resource id of the identity.')
param identityId string

@description('The container that the package is uploaded to.')
param packageUrl string

@description('The app\'s settings, by name.')
param settings object

@description('Memory of an instance in MB.')
param instanceMemory int

@description('How many instances there may be at most.')
param maximumInstances int

@description('How many instances always wait for events.')
param alwaysReady int

@description('The subnet that the app is in; empty for none.')
param subnetId string

@description('The function that events come to.')
param listener string

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-fanout-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: 'func-fanout-${token}'
  location: location
  tags: union(tags, {
    'azd-service-name': 'app'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemory
        maximumInstanceCount: maximumInstances
        // Python's default is one request at a time for each instance; the live page waits for news, and costs nothing meanwhile.
        triggers: {
          http: {
            perInstanceConcurrency: 24
          }
        }
        // Each function has instances of its own: jobs are what a rotation goes by where there are many clusters.
        alwaysReady: alwaysReady == 0 ? [] : [
          {
            name: 'function:${listener}'
            instanceCount: alwaysReady
          }
          {
            name: 'function:on_job'
            instanceCount: alwaysReady
          }
        ]
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      appSettings: [for setting in items(settings): {
        name: setting.key
        value: setting.value
      }]
    }
  }
}

resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}

output id string = site.id
output name string = site.name
