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

var rules = [
  {
    name: 'target-given-up'
    severity: 1
    window: 'PT15M'
    description: 'A Secret stays behind, and nothing is tried any more.'
    query: '''
customMetrics
| where name == "keyvault_fanout.targets.given_up"
| extend cluster = tostring(customDimensions.cluster), reason = tostring(customDimensions.reason)
| summarize number = sum(valueSum) by cluster, reason
| where number > 0
'''
  }
  {
    name: 'events-fail'
    severity: 1
    window: 'PT15M'
    description: 'Events are answered with an error: the job queue is out of reach.'
    query: '''
customMetrics
| where name == "keyvault_fanout.events" and tostring(customDimensions.result) == "failed"
| summarize number = sum(valueSum) by vault = tostring(customDimensions.vault)
| where number > 0
'''
  }
  {
    name: 'events-refused'
    severity: 2
    window: 'PT1H'
    description: 'Somebody posts what is no event of a listed vault.'
    query: '''
customMetrics
| where name == "keyvault_fanout.events" and tostring(customDimensions.result) in ("refused", "unlisted")
| summarize number = sum(valueSum) by result = tostring(customDimensions.result)
| where number > 0
'''
  }
  {
    name: 'events-missed'
    severity: 1
    window: 'PT1H'
    description: 'Changes arrived without an event.'
    query: '''
customMetrics
| where name == "keyvault_fanout.changes.missed"
| summarize number = sum(valueSum) by vault = tostring(customDimensions.vault)
| where number > 0
'''
  }
  {
    name: 'refresh-slow'
    severity: 2
    window: 'PT1H'
    description: 'Rotations take too long to reach a Secret.'
    query: format('''
customMetrics
| where name == "keyvault_fanout.refresh.delay" and tostring(customDimensions.origin) == "event"
| summarize longest = max(valueMax) by cluster = tostring(customDimensions.cluster)
| where longest > {0}
''', refreshSeconds)
  }
  {
    name: 'targets-reverted'
    severity: 2
    window: 'PT1H'
    description: 'Old bytes are put back again and again.'
    query: '''
customMetrics
| where name == "keyvault_fanout.targets.reverted"
| summarize number = sum(valueSum) by cluster = tostring(customDimensions.cluster), owner = tostring(customDimensions.owner)
| where number > 5
'''
  }
  {
    name: 'jobs-given-up'
    severity: 1
    window: 'PT15M'
    description: 'Jobs go to the dead letters of the queue.'
    query: '''
customMetrics
| where name == "keyvault_fanout.jobs.finished" and tostring(customDimensions.result) in ("given-up", "refused")
| summarize number = sum(valueSum) by result = tostring(customDimensions.result)
| where number > 0
'''
  }
  {
    name: 'jobs-late'
    severity: 2
    window: 'PT30M'
    description: 'Jobs begin more than five minutes late.'
    query: '''
customMetrics
| where name == "keyvault_fanout.job.lag"
| summarize longest = max(valueMax) by kind = tostring(customDimensions.kind)
| where longest > 300
'''
  }
  {
    name: 'no-sweep'
    severity: 1
    window: 'PT1H'
    description: 'No sweep has ended for an hour.'
    query: '''
customMetrics
| where name == "keyvault_fanout.sweep.duration"
| summarize number = count()
| where number == 0
'''
  }
  {
    name: 'expiry'
    severity: 2
    window: 'PT1H'
    description: 'An object of a vault expires soon.'
    query: format('''
customMetrics
| where name == "keyvault_fanout.expiry"
| summarize days = min(valueMin) by vault = tostring(customDimensions.vault)
| where days < {0}
''', expiryDays)
  }
  {
    name: 'expired'
    severity: 1
    window: 'PT1H'
    description: 'Enabled objects of a vault are past their expiry.'
    query: '''
customMetrics
| where name == "keyvault_fanout.expired"
| summarize number = max(valueMax) by vault = tostring(customDimensions.vault)
| where number > 0
'''
  }
]

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
          query: rule.query
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
