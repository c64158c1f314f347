#!/bin/sh
# Subscribes the app to the vaults' events, once it is there: azd runs this after each deployment of the app. It may run as
# often as it likes. By hand: eval "$(azd env get-values)" first.
set -eu

: "${AZURE_RESOURCE_GROUP:?run azd provision first}"
: "${FUNCTION_APP_NAME:?run azd provision first}"
: "${AZURE_SUBSCRIPTION_ID:?run azd provision first}" # az has a subscription of its own, which may be another one
tries="${SUBSCRIBE_TRIES:-40}"

if [ -z "${EVENT_QUEUE_ID:-}" ]; then
  # Event Grid looks the function up when the subscription is made, and the host may still be starting.
  until said=$(az functionapp function show --subscription "$AZURE_SUBSCRIPTION_ID" \
    --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
    --function-name on_key_vault_event --output none 2>&1); do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
      echo "subscribe: $FUNCTION_APP_NAME has no function on_key_vault_event yet. Its log says why: the app loads only" >&2
      echo "with right settings. Run infra/hooks/subscribe.sh again when it is there. What az said last:" >&2
      echo "$said" >&2
      exit 1
    fi
    sleep "${SUBSCRIBE_PAUSE:-15}"
  done
fi

exec az deployment sub create \
  --subscription "$AZURE_SUBSCRIPTION_ID" \
  --name "keyvault-fanout-events-$AZURE_ENV_NAME" \
  --location "$AZURE_LOCATION" \
  --template-file "$(dirname "$0")/../events.bicep" \
  --parameters systemTopicIds="$SYSTEM_TOPIC_IDS" functionAppId="$FUNCTION_APP_ID" \
  eventQueueId="${EVENT_QUEUE_ID:-}" storageAccountId="$STORAGE_ACCOUNT_ID" \
  --output none
