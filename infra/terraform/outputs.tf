output "resource_group" {
  description = "The resource group of the app."
  value       = azurerm_resource_group.this.name
}

output "function_app_name" {
  description = "The Function App that the package is uploaded to."
  value       = azapi_resource.app.name
}

output "identity_client_id" {
  description = "The identity's client id: the value of AZURE_CLIENT_ID."
  value       = azurerm_user_assigned_identity.this.client_id
}

output "identity_object_id" {
  description = "The identity's object id: what Kubernetes RBAC is bound to."
  value       = azurerm_user_assigned_identity.this.principal_id
}

output "service_bus_host" {
  description = "The namespace of topic and queues."
  value       = "${azurerm_servicebus_namespace.this.name}.servicebus.windows.net"
}

output "dead_letter_url" {
  description = "The container of Event Grid's dead letters (DEAD_LETTER_URL)."
  value       = "${azurerm_storage_account.this.primary_blob_endpoint}${azurerm_storage_container.dead_letters.name}"
}

output "application_insights_name" {
  description = "Where logs, traces and metrics are."
  value       = azurerm_application_insights.this.name
}
