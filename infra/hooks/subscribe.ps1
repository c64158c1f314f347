# Subscribes the app to the vaults' events, once it is there: what subscribe.sh does, for Windows.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false

# az has a subscription of its own, which may be another one.
if (-not $env:FUNCTION_APP_NAME -or -not $env:AZURE_SUBSCRIPTION_ID) { throw 'run azd provision first' }
$tries = 40

if (-not $env:EVENT_QUEUE_ID) {
  # Event Grid looks the function up when the subscription is made, and the host may still be starting.
  while ($true) {
    $said = az functionapp function show --subscription $env:AZURE_SUBSCRIPTION_ID `
      --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME `
      --function-name on_key_vault_event --output none 2>&1
    if ($LASTEXITCODE -eq 0) { break }
    $tries -= 1
    if ($tries -le 0) {
      throw "$env:FUNCTION_APP_NAME has no function on_key_vault_event yet. Its log says why. Run this again when it is there. What az said last: $said"
    }
    Start-Sleep -Seconds 15
  }
}

# A file, because quotes inside an argument do not survive every version of PowerShell.
$parameters = New-TemporaryFile
@{
  '$schema'      = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#'
  contentVersion = '1.0.0.0'
  parameters     = @{
    systemTopicIds   = @{ value = @($env:SYSTEM_TOPIC_IDS | ConvertFrom-Json) }
    functionAppId    = @{ value = $env:FUNCTION_APP_ID }
    eventQueueId     = @{ value = "$env:EVENT_QUEUE_ID" }
    storageAccountId = @{ value = $env:STORAGE_ACCOUNT_ID }
  }
} | ConvertTo-Json -Depth 5 | Set-Content -Path $parameters

az deployment sub create `
  --subscription $env:AZURE_SUBSCRIPTION_ID `
  --name "keyvault-fanout-events-$env:AZURE_ENV_NAME" `
  --location $env:AZURE_LOCATION `
  --template-file "$PSScriptRoot/../events.bicep" `
  --parameters "@$parameters" `
  --output none
$code = $LASTEXITCODE
Remove-Item $parameters
exit $code
