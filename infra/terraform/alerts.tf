# Alert rules over what the app measures, and the workbook that shows it, from the files that Bicep takes as well.

locals {
  alerts = { for rule in jsondecode(file("${path.module}/../telemetry/alerts.json")) : rule.name => rule if var.create_alerts }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each = local.alerts

  name                    = "keyvault-fanout-${each.key}"
  resource_group_name     = azurerm_resource_group.this.name
  location                = var.location
  tags                    = local.tags
  display_name            = "Key Vault Fan-out: ${each.key}"
  description             = each.value.description
  severity                = each.value.severity
  scopes                  = [azurerm_application_insights.this.id]
  evaluation_frequency    = "PT5M"
  window_duration         = each.value.window
  auto_mitigation_enabled = true

  criteria {
    query = replace(
      replace(
        replace(join("\n", each.value.query), "{expiryDays}", tostring(var.expiry_days)),
        "{refreshSeconds}", tostring(var.refresh_seconds)
      ),
      "{silenceSeconds}", tostring(var.silence_seconds)
    )
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = var.action_groups
  }
}

resource "azurerm_application_insights_workbook" "this" {
  count = var.create_alerts ? 1 : 0

  name                = uuidv5("url", "keyvault-fanout/${azurerm_application_insights.this.id}")
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
  display_name        = "Key Vault Fan-out"
  category            = "workbook"
  source_id           = lower(azurerm_application_insights.this.id)
  data_json           = file("${path.module}/../telemetry/workbook.json")
}
