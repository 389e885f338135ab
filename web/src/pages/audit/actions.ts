import { linkTo, type Target } from "../../lib/links.ts";

/** What the audit log's words mean, for people: what was done, in the past. */
const actions: Record<string, string> = {
  "app.create": "Created the app",
  "app.update": "Changed the app",
  "app.delete": "Deleted the app",
  "endpoint.create": "Created the endpoint",
  "endpoint.update": "Changed the endpoint",
  "endpoint.delete": "Deleted the endpoint",
  "endpoint.disable": "Disabled the endpoint",
  "endpoint.lock": "Locked the endpoint",
  "endpoint.unlock": "Unlocked the endpoint",
  "endpoint.pause": "Paused the endpoint",
  "endpoint.resume": "Resumed the endpoint",
  "endpoint.test": "Sent a test to the endpoint",
  "endpoint.check": "Checked the receiver of the endpoint",
  "endpoint.replay": "Replayed events to the endpoint",
  "endpoint.read_secret": "Read the secret of the endpoint",
  "endpoint.rotate_secret": "Rotated the secret of the endpoint",
  "event.erase": "Erased the data of the event",
  "event.resend": "Sent the event again",
  "event_type.create": "Added the event type",
  "event_type.update": "Changed the event type",
  "event_type.delete": "Deleted the event type",
  "inbox.create": "Created an inbox",
  "inbox.update": "Changed the answer of an inbox",
  "inbox.delete": "Deleted an inbox",
  "key.create": "Created the key",
  "key.delete": "Deleted the key",
  "portal_link.create": "Created the portal link",
  "session.start": "Signed in",
  "session.end": "Signed out",
};

/** What was done; a word that is new to this page is shown as it is, readable. */
export function actionWords(action: string): string {
  return actions[action] ?? action.replace(".", ": ").replaceAll("_", " ");
}

/** The actions to choose from. */
export const actionChoices = Object.entries(actions).map(([value, label]) => ({ value, label }));

/** Where the object of an entry is to be seen; undefined if nowhere, or if it is gone. */
export function objectLink(action: string, object: string): Partial<Target> & { to: string } | undefined {
  const [kind, verb] = action.split(".");
  if (!object || verb === "delete" || verb === "end") return undefined;
  switch (kind) {
    case "app":
      return linkTo("/apps", { q: object });
    case "endpoint":
      return object.startsWith("ep_") ? { to: `/endpoints/${object}` } : undefined;
    case "event":
      return object.startsWith("evt_") ? { to: `/events/${object}` } : undefined;
    case "event_type":
      return { to: `/event-types/${encodeURIComponent(object)}` };
    case "key":
      return { to: "/keys" };
    case "portal_link":
      return linkTo("/keys", { kind: "portal" });
    case "session":
      return linkTo("/keys", { kind: "session" });
    default:
      return undefined;
  }
}

/** Who did it: a key by its name, Bellhop itself, or an id whose key is gone. */
export function actorWords(actor: string, names: Map<string, string>): string {
  if (actor === "system") return "Bellhop itself";
  return names.get(actor) || actor;
}
