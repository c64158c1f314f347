variable "subscription_id" {
  description = "The Azure subscription that everything is made in."
  type        = string
}

variable "environment_name" {
  description = "What this installation is called. Names of resources are made from it."
  type        = string

  validation {
    condition     = length(var.environment_name) >= 1 && length(var.environment_name) <= 32
    error_message = "environment_name has 1 to 32 characters."
  }
}

variable "location" {
  description = "Where everything is made. Event Grid topics are made where their vaults are."
  type        = string
}

variable "resource_group_name" {
  description = "The resource group that is made for everything but Event Grid topics and roles. Empty: rg-ENVIRONMENT."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

variable "vaults" {
  description = "The vaults. Where a vault has an Event Grid system topic already, it can have no other: name it. Such a topic needs a system-assigned identity."
  type = list(object({
    id              = string
    system_topic_id = optional(string)
  }))

  validation {
    condition     = length(var.vaults) >= 1
    error_message = "At least one vault."
  }
}

variable "clusters" {
  description = "The clusters, as the setting CLUSTERS takes them (docs/configuration.md): name, aks = resource id, and other keys as needed."
  type        = any
  default     = []
}

variable "subscriptions" {
  description = "Subscriptions of the topic for applications; filter is what a correlation filter compares: vault, object, noticeType, ..."
  type = list(object({
    name    = string
    ordered = bool
    filter  = map(string)
  }))
  default = []
}

variable "assign_vault_roles" {
  description = "Whether the identity gets its roles on the vaults here. Without, their owner has to assign them."
  type        = bool
  default     = true
}

variable "assign_cluster_roles" {
  description = "Whether the identity gets the role to ask for the address of each cluster with a key aks. Without, the owner of the cluster has to assign it."
  type        = bool
  default     = true
}

variable "read_keys" {
  description = "Whether classes or owned Secrets take keys (key/NAME): adds the role Key Vault Crypto User."
  type        = bool
  default     = false
}

variable "read_certificates" {
  description = "Whether classes or owned Secrets take certificates without their private key (cert/NAME): adds the role Key Vault Certificate User."
  type        = bool
  default     = false
}

variable "sweep_schedule" {
  description = "When the sweep runs: six fields, in UTC."
  type        = string
  default     = "0 */15 * * * *"
}

variable "app_settings" {
  description = "Further settings of the app, by name (docs/configuration.md). They win over those that are set here."
  type        = map(string)
  default     = {}
}

variable "service_bus_sku" {
  description = "Tier of the Service Bus namespace. The private variant takes Premium whatever is said here."
  type        = string
  default     = "Standard"

  validation {
    condition     = contains(["Standard", "Premium"], var.service_bus_sku)
    error_message = "Standard or Premium: duplicate detection takes one of them."
  }
}

variable "instance_memory" {
  description = "Memory of an instance in MB."
  type        = number
  default     = 2048

  validation {
    condition     = contains([512, 2048, 4096], var.instance_memory)
    error_message = "512, 2048 or 4096."
  }
}

variable "maximum_instances" {
  description = "How many instances there may be at most."
  type        = number
  default     = 40

  validation {
    condition     = var.maximum_instances >= 40 && var.maximum_instances <= 1000
    error_message = "40 to 1000."
  }
}

variable "always_ready" {
  description = "How many instances always wait for events, and as many for jobs. They cost while they wait, and spare a rotation the cold start."
  type        = number
  default     = 0
}

variable "log_retention_days" {
  description = "How many days logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 730
    error_message = "30 to 730."
  }
}

variable "create_alerts" {
  description = "Whether alert rules and the workbook are made (docs/telemetry.md). Each rule costs a little every month."
  type        = bool
  default     = true
}

variable "action_groups" {
  description = "Resource ids of the action groups that alerts are sent to. None: they are only shown."
  type        = list(string)
  default     = []
}

variable "expiry_days" {
  description = "Days before an expiry that an alert is raised."
  type        = number
  default     = 14
}

variable "refresh_seconds" {
  description = "Seconds that a rotation may take to reach a Secret before an alert is raised."
  type        = number
  default     = 60
}

variable "silence_seconds" {
  description = "Seconds without any event before an alert is raised. The app remembers two days, so the default never does: for vaults in which something is rotated every day, say 129600."
  type        = number
  default     = 172800
}

variable "live_page" {
  description = "Whether the app serves the live page (docs/live.md), to who has its function key. Everybody else looks with fanout live."
  type        = bool
  default     = false
}

variable "private_network" {
  description = "The private variant: Event Grid delivers to a queue; the app reaches storage, Service Bus and vaults by private endpoints."
  type        = bool
  default     = false
}

variable "address_prefix" {
  description = "Private variant: the address space of the network that is made."
  type        = string
  default     = "10.20.0.0/22"
}

variable "app_subnet_id" {
  description = "Private variant: an existing subnet for the app, delegated to Microsoft.App/environments. No network is made then."
  type        = string
  default     = ""
}

variable "endpoint_subnet_id" {
  description = "Private variant: an existing subnet for private endpoints, of the same network."
  type        = string
  default     = ""
}

variable "create_dns_zones" {
  description = "Private variant: whether private DNS zones are made and linked. Without, somebody else registers the endpoints."
  type        = bool
  default     = true
}

variable "create_vault_endpoints" {
  description = "Private variant: whether each vault gets a private endpoint here. Without, it has to be reachable already."
  type        = bool
  default     = true
}

variable "subscribe" {
  description = "Whether the event subscriptions are made. Event Grid asks for the function then: apply once without, upload the app, apply again with it."
  type        = bool
  default     = false
}

variable "subscription_name" {
  description = "Name of the event subscriptions. It appears in the paths of dead letters."
  type        = string
  default     = "keyvault-fanout"
}
