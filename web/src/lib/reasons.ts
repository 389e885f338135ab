// Why an attempt failed, in words for people. The API's reason words are stable; the
// sentence that comes with an attempt (detail) says more about the single case, these
// say what to make of it. Portals show them, too: they do not name the product.

import type { Schemas } from "../api/client.ts";

/** Why an endpoint is in trouble, in the words of every page. */
export const troubles: Record<Schemas["Troubled"]["reason"], string> = {
  disabled: "Disabled automatically",
  misconfigured: "Nothing can be sent",
  circuit_open: "Circuit open",
  failing: "Failing",
  held: "Deliveries are held",
  backlog: "Fallen behind",
  certificate: "Certificate ends soon",
};

/** A reason, for people. */
interface Reason {
  /** For a badge or the middle of a line: "timed out". */
  short: string;
  /** A whole sentence. */
  sentence: string;
  /** What the owner of the endpoint can do about it. */
  advice: string;
}

const attempts: Record<string, Reason> = {
  status: {
    short: "error answer",
    sentence: "The receiver answered, but not with success (a status from 200 to 299).",
    advice: "Look at the response: the receiver often says there what it did not like.",
  },
  timeout: {
    short: "timed out",
    sentence: "The receiver did not answer in time.",
    advice: "Let the receiver answer at once and do its work afterwards, or give the endpoint a longer timeout.",
  },
  dns: {
    short: "no public address",
    sentence: "The host name of the URL does not exist, or leads to no public address.",
    advice: "Check the URL for a typing mistake, and that the name exists in public DNS. An operator can allow other addresses with --allow-cidr.",
  },
  address_refused: {
    short: "address not allowed",
    sentence: "The URL leads to an address that nothing is sent to, such as one of a private network.",
    advice: "Use a public address. An operator can allow others with --allow-cidr.",
  },
  connect: {
    short: "could not connect",
    sentence: "No connection to the receiver could be made.",
    advice: "Check that the receiver is running, that the port is right, and that its firewall lets the requests in.",
  },
  tls: {
    short: "TLS failed",
    sentence: "The encrypted connection (TLS) could not be set up, most often because of the receiver's certificate.",
    advice: "Check that the certificate is valid for this host name, has not expired and comes with its whole chain.",
  },
  reset: {
    short: "connection broke",
    sentence: "The receiver closed the connection before the headers of its answer were complete. It may have taken the event.",
    advice: "Look into the receiver's log, or that of a proxy before it, for a crash or a limit at this time.",
  },
  protocol: {
    short: "not an HTTP answer",
    sentence: "What came back is not a usable HTTP answer.",
    advice: "Check that the URL leads to a web server and names the right port and scheme (http or https).",
  },
  no_listener: {
    short: "nobody listens",
    sentence: "The endpoint is for a program on somebody's own machine, and nobody listens there now.",
    advice: "Start 'bellhop listen' there: deliveries wait for it, and go out in order.",
  },
  panic: {
    short: "failed inside",
    sentence: "The server that sends failed while it made the request. It says nothing about the receiver.",
    advice: "Nothing needs to be done here: it is tried again. The operator finds the cause in the server's log.",
  },
  resources: {
    short: "no connection left",
    sentence: "This server had no descriptors, ports or memory for a connection. It says nothing about the receiver.",
    advice: "Try again in a moment; the operator finds more in the server's log.",
  },
  render: {
    short: "could not be built",
    sentence: "The request could not be built: the endpoint's dialect cannot express this event, or it could not be signed.",
    advice: "Choose a dialect that fits the events, or check the endpoint's secret.",
  },
  erased: {
    short: "event erased",
    sentence: "The delivery was ended before it succeeded, since the event was erased.",
    advice: "Nothing needs to be done.",
  },
  expired: {
    short: "too old",
    sentence: "The delivery was given up at the age at which its schedule ends, while it waited: the endpoint was down or disabled.",
    advice: "Once the receiver works again, send past events again.",
  },
  endpoint_deleted: {
    short: "endpoint deleted",
    sentence: "The delivery was ended before it succeeded, since its endpoint was deleted.",
    advice: "Nothing needs to be done.",
  },
  canceled: {
    short: "canceled",
    sentence: "The delivery was ended before it succeeded.",
    advice: "Nothing needs to be done.",
  },
  url_refused: {
    short: "URL not allowed",
    sentence: "The server's settings do not allow this URL.",
    advice: "Use an https URL on a usual port, or ask the operator which URLs are allowed.",
  },
  transform: {
    short: "script failed",
    sentence: "The endpoint's script failed on this event, so there was nothing to send.",
    advice: "Correct the script at the line that is named. What is held goes out by itself then.",
  },
  transform_timeout: {
    short: "script too slow",
    sentence: "The endpoint's script did not end in the time that it gets.",
    advice: "Look for a loop that does not end, or for a regular expression that tries too much; then save the script. What is held goes out by itself then.",
  },
  transform_memory: {
    short: "script too large",
    sentence: "The endpoint's script needed more memory than it gets.",
    advice: "Let it build less at once, and save it. What is held goes out by itself then.",
  },
  transform_result: {
    short: "no usable result",
    sentence: "What the endpoint's script returned makes no request: it is of the wrong form, too large, or has a header or URL that is not allowed.",
    advice: "Correct what the script returns. What is held goes out by itself then.",
  },
  recipe: {
    short: "recipe misses something",
    sentence: "The recipe could make no request of this event: a value that it needs is not in the event, or a setting is missing.",
    advice: "Give the endpoint what is missing, or let it listen only to events that have it. What is held goes out by itself once the endpoint is changed.",
  },
  auth: {
    short: "no token",
    sentence: "No access token could be had from the token server, so the request was not made.",
    advice: "Check the token URL, the client's id and secret and, if there is one, the refresh token in the endpoint's settings.",
  },
  answer: {
    short: "refused in the answer",
    sentence: "The receiver answered with success, but its answer says that it did not take the event.",
    advice: "Look at the response: it says what the receiver did not like.",
  },
  skipped: {
    short: "left out",
    sentence: "The endpoint's recipe or script leaves this event out: nothing was sent.",
    advice: "Nothing needs to be done.",
  },
  request_invalid: {
    short: "invalid request",
    sentence: "A header of the request cannot be sent over HTTP.",
    advice: "Check the headers in the endpoint's settings.",
  },
};

const unmade = new Set<string | undefined>(["expired", "render", "transform", "transform_timeout", "transform_memory", "transform_result", "recipe", "auth"]);

/** Whether a line of the log is a request. Others end or hold a delivery for which none was made. */
export function madeRequest(a: Pick<Schemas["Attempt"], "status" | "reason">): boolean {
  return a.status !== "canceled" && !unmade.has(a.reason);
}

/** Whether an attempt left its delivery held, until the endpoint is changed. */
export function leftHeld(a: Pick<Schemas["Attempt"], "status" | "final" | "next_at" | "trigger">): boolean {
  return a.status === "failed" && !a.final && !a.next_at && a.trigger !== "test";
}

/** What a reason word of an attempt means; an unknown word stands for itself. */
export function reasonOf(word: string | undefined): Reason {
  const known = word !== undefined && Object.hasOwn(attempts, word) ? attempts[word] : undefined;
  if (known) return known;
  const plain = word?.replaceAll("_", " ") || "unknown cause";
  return { short: plain, sentence: `It failed: ${plain}.`, advice: "The attempts in the log say more." };
}
