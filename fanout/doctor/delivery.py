"""What an Event Grid subscription should be like, judged by the document that Azure Resource Manager gives. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from fanout.doctor.finding import Finding, Place
from shared import parts

WANTED = (
    "Microsoft.KeyVault.SecretNewVersionCreated",
    "Microsoft.KeyVault.CertificateNewVersionCreated",
    "Microsoft.KeyVault.KeyNewVersionCreated",
)
_FUNCTION = "/functions/on_key_vault_event"
_UPDATE = (
    "az eventgrid system-topic event-subscription update --resource-group RG --system-topic-name TOPIC --name NAME"
)


def judge(place: Place, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is right and wrong about a subscription."""
    properties = parts.mapping(document, "properties")
    state = str(properties.get("provisioningState", ""))[:40]
    if state == "Succeeded":
        yield place.ok("provisioned", state)
    else:
        yield place.failed("provisioned", state or "it does not say", "Look at its activity log; create it again.")
    yield from _filter(place, parts.mapping(properties, "filter"))
    yield _destination(place, properties)
    yield _dead_letters(place, properties)
    yield _retries(place, parts.mapping(properties, "retryPolicy"))


def _filter(place: Place, filters: Mapping[str, Any]) -> Iterator[Finding]:
    types = {one.lower() for one in parts.texts(filters, "includedEventTypes")}
    missing = [one for one in WANTED if one.lower() not in types] if types else []
    if missing:
        fix = f"{_UPDATE} --included-event-types {' '.join(WANTED)} (and those that are there already)"
        yield place.failed("event types", f"it leaves out {', '.join(missing)}", fix)
    else:
        yield place.ok("event types", "all of new versions" if types else "all that Key Vault has")
    narrow = [
        name
        for name in ("subjectBeginsWith", "subjectEndsWith", "advancedFilters")
        if filters.get(name) not in (None, "", [])
    ]
    if narrow:
        yield place.note("filter", f"{', '.join(narrow)} let only some objects pass", "Is that what is wanted?")
    else:
        yield place.ok("filter", "every object passes")


def _destination(place: Place, properties: Mapping[str, Any]) -> Finding:
    plain = parts.mapping(properties, "destination")
    destination = plain or parts.mapping(properties, "deliveryWithResourceIdentity", "destination")
    kind = str(destination.get("endpointType", ""))[:40]
    target = str(parts.mapping(destination, "properties").get("resourceId", ""))
    if kind == "AzureFunction":
        if target.lower().endswith(_FUNCTION):
            return place.ok("destination", f"the function {target.rpartition('/')[2]}")
        fix = f"{_UPDATE} --endpoint-type azurefunction --endpoint SITE_RESOURCE_ID{_FUNCTION}"
        return place.failed("destination", "another function than on_key_vault_event", fix)
    if kind in {"ServiceBusQueue", "ServiceBusTopic"}:
        return place.note("destination", f"{kind}: right for the private variant only, which forwards to the function")
    fix = "Let it point at the function by its resource id (endpoint type azurefunction): no key, no webhook."
    return place.failed("destination", f"{kind or 'none'}, not the function", fix)


def _dead_letters(place: Place, properties: Mapping[str, Any]) -> Finding:
    own = parts.mapping(properties, "deadLetterWithResourceIdentity", "deadLetterDestination")
    if own or parts.mapping(properties, "deadLetterDestination"):
        return place.ok("dead letters", "it has a container for them; fanout deadletters list shows it")
    fix = f"{_UPDATE} --deadletter-endpoint STORAGE_ID/blobServices/default/containers/dead-letters"
    return place.failed("dead letters", "none: what cannot be delivered is dropped", fix)


def _retries(place: Place, policy: Mapping[str, Any]) -> Finding:
    attempts, minutes = policy.get("maxDeliveryAttempts", 30), policy.get("eventTimeToLiveInMinutes", 1440)
    if attempts == 30 and minutes == 1440:  # noqa: PLR2004 - Event Grid's own defaults and limits
        return place.ok("retries", "30 attempts within 24 hours")
    fix = f"{_UPDATE} --max-delivery-attempts 30 --event-ttl 1440"
    return place.note("retries", f"{str(attempts)[:10]} attempts within {str(minutes)[:10]} minutes", fix)
