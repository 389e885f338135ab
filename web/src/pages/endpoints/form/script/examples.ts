// What a script may begin with.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";

export const starters = {
  transform: `// Makes the request of an event: id, type, app, subject, time and data.
function transform(event) {
  return {
    body: {
      type: event.type,
      data: event.data,
    },
    // headers: { "X-Kind": event.type },
    // method: "PUT",
    // url: "https://example.com/" + encodeURIComponent(event.subject),
  };
}
`,
  handler: `// Changes the webhook: method, url, eventType, headers and payload.
function handler(webhook) {
  // webhook.payload = { text: webhook.eventType };
  // webhook.cancel = true; // sends nothing
  return webhook;
}
`,
};

export const examples: { label: MessageDescriptor; code: string }[] = [
  { label: msg`A message for people`, code: `function transform(event) {
  const lines = Object.entries(event.data).map(([name, value]) => name + ": " + JSON.stringify(value));
  return { body: { text: [event.type, ...lines].join("\\n") } };
}
` },
  { label: msg`Only some events`, code: `function transform(event) {
  const total = Number(event.data.total ?? 0);
  if (total < 100) return { skip: "less than 100" };
  return { body: { id: event.id, total } };
}
` },
  { label: msg`Flat, without personal data`, code: `function transform(event) {
  const { customer, ...rest } = event.data;
  return { body: { event: event.type, at: event.time, ...rest } };
}
` },
];
