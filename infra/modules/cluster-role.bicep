// Asking for the address and the authority of one cluster. What the app may do inside is Kubernetes' business
// (docs/kubernetes-rbac.md). In the cluster's own resource group.

@description('The cluster.')
param clusterName string

@description('Object id of the app\'s identity.')
param principalId string

// Azure Kubernetes Service Cluster User Role.
var role = '4abbcc35-e782-43d8-92c5-2d3f1bd2253f'

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
}

resource asking 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(cluster.id, principalId, role)
  scope: cluster
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}
