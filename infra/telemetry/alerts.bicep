// Alert rules over what the app measures, and the workbook that shows it. Names and labels: docs/telemetry.md.

@description('Name of the Application Insights component that the app sends to.')
param component string

@description('Resource ids of the action groups that are told. None: the alerts are only shown.')
param actionGroups array = []

@description('Where the rules are kept.')
param location string = resourceGroup().location

@description('Days before an expiry that somebody is told.')
param expiryDays int = 14

@description('Seconds that a rotation may take to reach a Secret.')
param refreshSeconds int = 60

@description('Seconds without any event. The app remembers two days, so the default never raises an alert: for vaults in which something is rotated every day, say 129600, which also tells that no event has come yet.')
param silenceSeconds int = 172800

// {expiryDays}, {refreshSeconds} and {silenceSeconds} stand in their queries for the parameters. Terraform reads the same file.
var rules = loadJsonContent('alerts.json')

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: component
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2021-08-01' = [for rule in rules: {
  name: 'keyvault-fanout-${rule.name}'
  location: location
  properties: {
    displayName: 'Key Vault Fan-out: ${rule.name}'
    description: rule.description
    severity: rule.severity
    enabled: true
    scopes: [
      insights.id
    ]
    evaluationFrequency: 'PT5M'
    windowSize: rule.window
    criteria: {
      allOf: [
        {
          query: replace(replace(replace(join(rule.query, '\n'), '{expiryDays}', string(expiryDays)), '{refreshSeconds}', string(refreshSeconds)), '{silenceSeconds}', string(silenceSeconds))
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    actions: {
      actionGroups: actionGroups
    }
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, component, 'keyvault-fanout')
  location: location
  kind: 'shared'
  properties: {
    displayName: 'Key Vault Fan-out'
    category: 'workbook'
    sourceId: insights.id
    serializedData: loadTextContent('workbook.json')
  }
}
