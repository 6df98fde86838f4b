// Judges a webhook's request by the independent library `standardwebhooks`. Started by server/tests/senders/webhooks.rs:
// {"secret", "headers", "body"} on stdin, "ok" or what the library says on stdout.
import { Webhook } from "standardwebhooks";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { secret, headers, body } = JSON.parse(text);
try {
  new Webhook(secret).verify(body, headers);
  console.log("ok");
} catch (error) {
  console.log(error.message);
}
