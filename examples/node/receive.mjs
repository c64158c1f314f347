// Receives the notices about one vault object, and reacts once to each new state of a Secret that holds it.
//
//   SERVICE_BUS=CONNECTION_STRING node receive.mjs TOPIC SUBSCRIPTION VAULT/TYPE/OBJECT
//
// It relies on docs/notices.md and on nothing else. What it does with a message:
//
//   not a notice at all                         dead letter, with a reason: somebody sends to the wrong topic
//   a type it does not know, a newer version    completed: it is for somebody else, or for a later release of this
//   another object, a state acted upon already  completed
//   the handler throws                          abandoned: it comes again, until Service Bus makes it a dead letter
//   anything else                               completed after the handler returned
//
// SIGTERM and SIGINT end it: nothing new is taken, and the message in work is finished first.

import { ServiceBusClient } from "@azure/service-bus";

const OURS = "dev.keyvault-fanout.";
const REFRESHED = `${OURS}target.refreshed.v1`;
const CONVERGED = `${OURS}target.converged.v1`;
const HANDLED = new Set([REFRESHED, CONVERGED]);
const HOPELESS = new Set(["MessagingEntityNotFound", "MessagingEntityDisabled", "UnauthorizedAccess"]);
const LONGEST_GOODBYE = 10_000;

const [topic, subscription, about] = process.argv.slice(2);
if (!about || !process.env.SERVICE_BUS) {
  console.error("usage: SERVICE_BUS=CONNECTION_STRING node receive.mjs TOPIC SUBSCRIPTION VAULT/TYPE/OBJECT");
  process.exit(2);
}

/** The application's own work. The notice holds no value: read the Secret, the mounted file or the vault here. */
async function react(event) {
  const { version, cluster, namespace, secret } = event.data;
  const said = event.type === CONVERGED ? "nobody uses an older version in" : "new bytes in";
  console.log(`${said} ${cluster}/${namespace}/${secret}: version ${version}`);
}

/** Return the CloudEvent in a message's body, or null where it is not one of ours. */
function read(body) {
  try {
    const event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    const ours = event?.specversion === "1.0" && typeof event.type === "string" && event.type.startsWith(OURS);
    return ours && typeof event.data === "object" && event.data !== null ? event : null;
  } catch {
    return null;
  }
}

const acted = new Map(); // type, Secret -> largest resourceVersion that was acted upon

function isNews(event) {
  const { vault, objectType, object, resourceVersion } = event.data;
  if (!HANDLED.has(event.type) || `${vault}/${objectType}/${object}` !== about.toLowerCase()) return false;
  const before = acted.get(`${event.type} ${event.subject}`);
  return !resourceVersion || before === undefined || BigInt(resourceVersion) > before;
}

function remember(event) {
  const { resourceVersion } = event.data;
  if (resourceVersion) acted.set(`${event.type} ${event.subject}`, BigInt(resourceVersion));
}

// With an identity: new ServiceBusClient("NAMESPACE.servicebus.windows.net", new DefaultAzureCredential())
const client = new ServiceBusClient(process.env.SERVICE_BUS);
const receiver = client.createReceiver(topic, subscription, { skipParsingBodyAsJson: true });
let working = Promise.resolve();

async function handle(message) {
  const event = Buffer.isBuffer(message.body) ? read(message.body) : null;
  if (event === null) {
    await receiver.deadLetterMessage(message, {
      deadLetterReason: "not-a-notice",
      deadLetterErrorDescription: "expected a CloudEvent of Key Vault Fan-out",
    });
    return;
  }
  try {
    if (isNews(event)) {
      await react(event);
      remember(event);
    }
  } catch (error) {
    console.error(`the handler failed: ${error.name}`); // its text may quote what was secret
    await receiver.abandonMessage(message);
    return;
  }
  await receiver.completeMessage(message);
}

async function end() {
  setTimeout(() => process.exit(0), LONGEST_GOODBYE).unref(); // what is not settled by then comes again
  await listening.close();
  await working.catch(() => {}); // told to processError
  await client.close();
}

const listening = receiver.subscribe(
  {
    processMessage: (message) => (working = handle(message)),
    // The SDK connects anew for ever and tells each failure here, also those that somebody has to mend.
    processError: async ({ error }) => {
      console.error(`${error.code ?? error.name} from Service Bus`);
      if (HOPELESS.has(error.code)) process.exit(1);
    },
  },
  { autoCompleteMessages: false, maxConcurrentCalls: 1 },
);
process.once("SIGTERM", end);
process.once("SIGINT", end);
console.log(`listening for ${about}`);
