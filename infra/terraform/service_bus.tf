# The topic of notices, the queues, and the app's roles on each of them. Keys (SAS) are switched off.

resource "azurerm_servicebus_namespace" "this" {
  name                          = "sb-fanout-${local.token}"
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.location
  tags                          = local.tags
  sku                           = var.private_network ? "Premium" : var.service_bus_sku
  capacity                      = var.private_network || var.service_bus_sku == "Premium" ? 1 : 0
  premium_messaging_partitions  = var.private_network || var.service_bus_sku == "Premium" ? 1 : 0
  local_auth_enabled            = false
  minimum_tls_version           = "1.2"
  public_network_access_enabled = !var.private_network

  dynamic "network_rule_set" {
    for_each = var.private_network ? [true] : []

    content {
      public_network_access_enabled = false
      default_action                = "Deny"
      trusted_services_allowed      = true
    }
  }
}

# Two days: longer than Event Grid delivers one event, so that a redelivery adds nothing (docs/configuration.md).
resource "azurerm_servicebus_topic" "notices" {
  name                                    = local.notice_topic
  namespace_id                            = azurerm_servicebus_namespace.this.id
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "P2D"
  default_message_ttl                     = "P14D"
  support_ordering                        = true
}

# Nobody receives from it: the sweep only looks. It keeps what was told for as long as a sweep may look back.
resource "azurerm_servicebus_subscription" "watch" {
  name                                 = local.watch_subscription
  topic_id                             = azurerm_servicebus_topic.notices.id
  requires_session                     = false
  default_message_ttl                  = "P2D"
  dead_lettering_on_message_expiration = false
  max_delivery_count                   = 10
}

# Named $Default, so that they take the place of the rule that lets everything through. Service Bus makes that one with the
# subscription, so none can be created; and a release of azurerm may take it away. A PUT is right either way.
resource "azapi_resource_action" "filters" {
  for_each = merge(
    { (local.watch_subscription) = { id = azurerm_servicebus_subscription.watch.id, filter = { noticeType = "object.new-version" } } },
    { for one in var.subscriptions : one.name => { id = azurerm_servicebus_subscription.listening[one.name].id, filter = one.filter } },
  )

  type        = "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules@2024-01-01"
  resource_id = "${each.value.id}/rules/$Default"
  method      = "PUT"
  body = {
    properties = {
      filterType = "CorrelationFilter"
      correlationFilter = {
        properties = each.value.filter
      }
    }
  }
}

resource "azapi_resource_action" "everything" {
  type        = "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules@2024-01-01"
  resource_id = "${azurerm_servicebus_subscription.live.id}/rules/$Default"
  method      = "PUT"
  body = {
    properties = {
      filterType = "SqlFilter"
      sqlFilter = {
        sqlExpression = "1=1"
      }
    }
  }
}

# Nobody receives from it, either: whoever wants to see what happens looks through it. It keeps half a day, of everything.
resource "azurerm_servicebus_subscription" "live" {
  name                                 = local.live_subscription
  topic_id                             = azurerm_servicebus_topic.notices.id
  requires_session                     = false
  default_message_ttl                  = "PT12H"
  dead_lettering_on_message_expiration = false
  max_delivery_count                   = 10
}

# A week: an application that was away for longer reads its secrets when it starts.
resource "azurerm_servicebus_subscription" "listening" {
  for_each = { for one in var.subscriptions : one.name => one }

  name                                 = each.key
  topic_id                             = azurerm_servicebus_topic.notices.id
  requires_session                     = each.value.ordered
  default_message_ttl                  = "P7D"
  dead_lettering_on_message_expiration = false
  max_delivery_count                   = 10
}

# Longer than RETRY_LIMIT_SECONDS may be (a week); a job that nobody took in that time is kept as a dead letter.
resource "azurerm_servicebus_queue" "jobs" {
  name                                    = local.job_queue
  namespace_id                            = azurerm_servicebus_namespace.this.id
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "P2D"
  requires_session                        = false
  lock_duration                           = "PT1M"
  max_delivery_count                      = 10
  default_message_ttl                     = "P14D"
  dead_lettering_on_message_expiration    = true
}

# What applications say when they use a new version. Whoever wants to know reads it in time; nothing depends on it.
resource "azurerm_servicebus_queue" "acks" {
  name                                    = "acks"
  namespace_id                            = azurerm_servicebus_namespace.this.id
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "P2D"
  requires_session                        = false
  lock_duration                           = "PT1M"
  max_delivery_count                      = 10
  default_message_ttl                     = "P7D"
  dead_lettering_on_message_expiration    = false
}

# A queue gives back at once what failed, where Event Grid would wait: as many deliveries as Event Grid makes.
resource "azurerm_servicebus_queue" "events" {
  count = var.private_network ? 1 : 0

  name                                    = local.event_queue
  namespace_id                            = azurerm_servicebus_namespace.this.id
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "P2D"
  requires_session                        = false
  lock_duration                           = "PT1M"
  max_delivery_count                      = 30
  default_message_ttl                     = "P14D"
  dead_lettering_on_message_expiration    = true
}

resource "azurerm_role_assignment" "bus" {
  for_each = merge(
    {
      tells_notices    = { scope = azurerm_servicebus_topic.notices.id, role = "Azure Service Bus Data Sender" }
      looks_at_notices = { scope = azurerm_servicebus_subscription.watch.id, role = "Azure Service Bus Data Receiver" }
      # Owner, and not receiver (modules/service-bus.bicep): the host scales by the queue's length.
      takes_jobs = { scope = azurerm_servicebus_queue.jobs.id, role = "Azure Service Bus Data Owner" }
    },
    var.live_page ? {
      shows_notices = { scope = azurerm_servicebus_subscription.live.id, role = "Azure Service Bus Data Receiver" }
    } : {},
    var.private_network ? {
      takes_events = { scope = azurerm_servicebus_queue.events[0].id, role = "Azure Service Bus Data Receiver" }
    } : {}
  )

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}
