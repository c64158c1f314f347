terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.40"
    }
    # For the Function App (azurerm adds an empty AzureWebJobsStorage beside an identity, which the host then prefers:
    # hashicorp/terraform-provider-azurerm issue 29693), and for Event Grid topics in other subscriptions.
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.4"
    }
  }
}

# Nothing here uses a key of a storage account, or asks the account itself for anything.
provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true

  features {
    storage {
      data_plane_available = false
    }
  }
}

provider "azapi" {
  subscription_id = var.subscription_id
}
