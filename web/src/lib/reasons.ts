// Why an attempt failed, in words for people. The API's reason words are stable; the
// sentence that comes with an attempt (detail) says more about the single case, these
// say what to make of it. Portals show them, too: they do not name the product.

import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import type { Schemas } from "../api/client.ts";

/** Why an endpoint is in trouble, in the words of every page. */
export const troubles: Record<Schemas["Troubled"]["reason"], MessageDescriptor> = {
  disabled: msg`Disabled automatically`,
  misconfigured: msg`Nothing can be sent`,
  circuit_open: msg`Nothing gets through`,
  failing: msg`Attempts fail`,
  held: msg`Deliveries are held`,
  backlog: msg`Fallen behind`,
  certificate: msg`Certificate ends soon`,
};

/** What somebody can do about a failure, each a button. */
export type Way = "try" | "resume" | "secret" | "check" | "edit" | "look" | "test" | "log" | "resend";

/** A reason, for people. */
interface Reason {
  /** For a badge or the middle of a line: "timed out". */
  short: string;
  /** What happened, as a whole sentence. */
  sentence: string;
  /** Why that happens, where the attempt itself does not say. */
  why: string;
  /** What the owner of the endpoint can do about it. */
  advice: string;
  /** The buttons for it, the most likely first. */
  ways: Way[];
}

type Told = { [part in keyof Omit<Reason, "ways">]: MessageDescriptor } & Pick<Reason, "ways">;

const attempts: Record<string, Told> = {
  status: {
    short: msg`error answer`,
    sentence: msg`The receiver answered, but not with success (a status from 200 to 299).`,
    why: msg`The receiver, or a proxy before it, decided so.`,
    advice: msg`Look at the response: the receiver often says there what it did not like.`,
    ways: ["log", "try", "test"],
  },
  timeout: {
    short: msg`timed out`,
    sentence: msg`The receiver did not answer in time.`,
    why: msg`It is overloaded or stuck, or does all its work before it answers.`,
    advice: msg`Let the receiver answer at once and do its work afterwards, or give the endpoint a longer timeout.`,
    ways: ["try", "test", "edit"],
  },
  dns: {
    short: msg`no public address`,
    sentence: msg`The host name of the URL does not exist, or leads to no public address.`,
    why: msg`The name is mistyped, new or gone, or known inside a private network only.`,
    advice: msg`Check the URL for a typing mistake, and that the name exists in public DNS. An operator can allow other addresses with --allow-cidr.`,
    ways: ["edit", "try", "test"],
  },
  address_refused: {
    short: msg`address not allowed`,
    sentence: msg`The URL leads to an address that nothing is sent to, such as one of a private network.`,
    why: msg`Requests never reach an address that the operator did not allow.`,
    advice: msg`Use a public address. An operator can allow others with --allow-cidr.`,
    ways: ["edit", "try"],
  },
  connect: {
    short: msg`could not connect`,
    sentence: msg`No connection to the receiver could be made.`,
    why: msg`Nothing listens at this address and port, or a firewall is in the way.`,
    advice: msg`Check that the receiver is running, that the port is right, and that its firewall lets the requests in.`,
    ways: ["try", "test", "edit"],
  },
  tls: {
    short: msg`TLS failed`,
    sentence: msg`The encrypted connection (TLS) could not be set up, most often because of the receiver's certificate.`,
    why: msg`The certificate has expired, is for another name, or comes without its chain.`,
    advice: msg`Check that the certificate is valid for this host name, has not expired and comes with its whole chain.`,
    ways: ["try", "test", "edit"],
  },
  reset: {
    short: msg`connection broke`,
    sentence: msg`The receiver closed the connection before the headers of its answer were complete. It may have taken the event.`,
    why: msg`It crashed, was restarted, or a limit or proxy cut the connection.`,
    advice: msg`Look into the receiver's log, or that of a proxy before it, for a crash or a limit at this time.`,
    ways: ["try", "test", "log"],
  },
  protocol: {
    short: msg`not an HTTP answer`,
    sentence: msg`What came back is not a usable HTTP answer.`,
    why: msg`The port belongs to another kind of server, or the scheme (http or https) is the wrong one.`,
    advice: msg`Check that the URL leads to a web server and names the right port and scheme (http or https).`,
    ways: ["edit", "try", "test"],
  },
  no_listener: {
    short: msg`nobody listens`,
    sentence: msg`The endpoint is for a program on somebody's own machine, and nobody listens there now.`,
    why: msg`The command that listens was ended, or its machine is offline.`,
    advice: msg`Start 'bellhop listen' there: deliveries wait for it, and go out in order.`,
    ways: ["edit"],
  },
  panic: {
    short: msg`failed inside`,
    sentence: msg`The server that sends failed while it made the request. It says nothing about the receiver.`,
    why: msg`A fault of this service.`,
    advice: msg`Nothing needs to be done here: it is tried again. The operator finds the cause in the server's log.`,
    ways: ["try"],
  },
  resources: {
    short: msg`no connection left`,
    sentence: msg`This server had no descriptors, ports or memory for a connection. It says nothing about the receiver.`,
    why: msg`More is under way than this machine has room for.`,
    advice: msg`Try again in a moment; the operator finds more in the server's log.`,
    ways: ["try"],
  },
  render: {
    short: msg`could not be built`,
    sentence: msg`The request could not be built: the endpoint's dialect cannot express this event, or it could not be signed.`,
    why: msg`The event misses something that the dialect needs, or the secret is not of its form.`,
    advice: msg`Choose a dialect that fits the events, or check the endpoint's secret.`,
    ways: ["look", "secret", "try"],
  },
  erased: {
    short: msg`event erased`,
    sentence: msg`The delivery was ended before it succeeded, since the event was erased.`,
    why: msg`Somebody erased the event's data; nothing of it can be sent any more.`,
    advice: msg`Nothing needs to be done.`,
    ways: [],
  },
  expired: {
    short: msg`too old`,
    sentence: msg`The delivery failed at the age at which its schedule ends, while it waited: the endpoint was down or disabled.`,
    why: msg`Until then no attempt succeeded, or none could be made.`,
    advice: msg`Once the receiver works again, send past events again.`,
    ways: ["resend", "test"],
  },
  endpoint_deleted: {
    short: msg`endpoint deleted`,
    sentence: msg`The delivery was ended before it succeeded, since its endpoint was deleted.`,
    why: msg`Somebody deleted the endpoint.`,
    advice: msg`Nothing needs to be done.`,
    ways: [],
  },
  canceled: {
    short: msg`canceled`,
    sentence: msg`The delivery was ended before it succeeded.`,
    why: msg`Somebody ended it, or the server was shut down in the middle of the request.`,
    advice: msg`Nothing needs to be done.`,
    ways: [],
  },
  settled: {
    short: msg`settled by another copy`,
    sentence: msg`The delivery was ended, since a later copy of the same event was delivered at this endpoint.`,
    why: msg`Somebody sent the event again, and that succeeded: the receiver need not get it once more.`,
    advice: msg`Nothing needs to be done.`,
    ways: [],
  },
  url_refused: {
    short: msg`URL not allowed`,
    sentence: msg`The server's settings do not allow this URL.`,
    why: msg`It is not https, or its port or host is not allowed here.`,
    advice: msg`Use an https URL on a usual port, or ask the operator which URLs are allowed.`,
    ways: ["edit", "try"],
  },
  transform: {
    short: msg`script failed`,
    sentence: msg`The endpoint's script failed on this event, so there was nothing to send.`,
    why: msg`The script met something that it does not expect.`,
    advice: msg`Correct the script at the line that is named. What is held goes out by itself then.`,
    ways: ["look", "resume"],
  },
  transform_timeout: {
    short: msg`script too slow`,
    sentence: msg`The endpoint's script did not end in the time that it gets.`,
    why: msg`It runs in a loop, or does more than its time allows.`,
    advice: msg`Look for a loop that does not end, or for a regular expression that tries too much; then save the script. What is held goes out by itself then.`,
    ways: ["look", "resume"],
  },
  transform_memory: {
    short: msg`script too large`,
    sentence: msg`The endpoint's script needed more memory than it gets.`,
    why: msg`It builds more at once than it has room for.`,
    advice: msg`Let it build less at once, and save it. What is held goes out by itself then.`,
    ways: ["look", "resume"],
  },
  transform_result: {
    short: msg`no usable result`,
    sentence: msg`What the endpoint's script returned makes no request: it is of the wrong form, too large, or has a header or URL that is not allowed.`,
    why: msg`The script returned something else than a request.`,
    advice: msg`Correct what the script returns. What is held goes out by itself then.`,
    ways: ["look", "resume"],
  },
  recipe: {
    short: msg`recipe misses something`,
    sentence: msg`The recipe could make no request of this event: a value that it needs is not in the event, or a setting is missing.`,
    why: msg`The event has no such value, or the recipe's field is empty.`,
    advice: msg`Give the endpoint what is missing, or let it listen only to events that have it. What is held goes out by itself once the endpoint is changed.`,
    ways: ["edit", "resume"],
  },
  auth: {
    short: msg`no token`,
    sentence: msg`No access token could be had from the token server, so the request was not made.`,
    why: msg`The token server refused the client, or could not be reached.`,
    advice: msg`Check the token URL, the client's id and secret and, if there is one, the refresh token in the endpoint's settings.`,
    ways: ["edit", "try"],
  },
  answer: {
    short: msg`refused in the answer`,
    sentence: msg`The receiver answered with success, but its answer says that it did not take the event.`,
    why: msg`Its answer names an error in its body.`,
    advice: msg`Look at the response: it says what the receiver did not like.`,
    ways: ["log", "try"],
  },
  skipped: {
    short: msg`left out`,
    sentence: msg`The endpoint's recipe or script leaves this event out: nothing was sent.`,
    why: msg`The endpoint is set up so.`,
    advice: msg`Nothing needs to be done.`,
    ways: [],
  },
  request_invalid: {
    short: msg`invalid request`,
    sentence: msg`A header of the request cannot be sent over HTTP.`,
    why: msg`It has a character that no header may have.`,
    advice: msg`Check the headers in the endpoint's settings.`,
    ways: ["edit", "try"],
  },
};

/** What answers of one status mean; sentence says what happened. */
function ofStatus(status: number): Reason {
  const short = t`answered ${status}`;
  if (status >= 300 && status <= 399) {
    return {
      short, sentence: t`The receiver answered ${status}, a redirect.`, why: t`The URL leads to another one, and redirects are never followed.`,
      advice: t`Give the endpoint the address that it leads to; the response's header Location names it.`, ways: ["edit", "test", "log"],
    };
  }
  switch (status) {
    case 401:
    case 403:
      return {
        short, sentence: status === 401 ? t`The receiver answered ${status}, not authorized.` : t`The receiver answered ${status}, forbidden.`,
        why: t`It does not accept the signature or the credentials of the request: most often it has another secret, or checks a body that was changed on the way.`,
        advice: t`Compare the secret in the receiver with that of the endpoint, and check a request: that says what is wrong with its signature.`, ways: ["secret", "check", "test"],
      };
    case 404:
    case 405:
      return {
        short, sentence: status === 404 ? t`The receiver answered ${status}, not found.` : t`The receiver answered ${status}, method not allowed.`,
        why: t`There is nothing at this path that takes such requests: the URL is wrong, or the receiver's program is not in place.`,
        advice: t`Check the URL's path, and that the receiver is deployed.`, ways: ["edit", "test", "try"],
      };
    case 407:
      return { short, sentence: t`The receiver answered ${status}: a proxy wants credentials.`, why: t`The request went to a proxy, not to the receiver.`, advice: t`Check the URL, and the way to the receiver.`, ways: ["edit", "test"] };
    case 408:
    case 504:
      return { short, sentence: t`The receiver answered ${status}, a timeout.`, why: t`The receiver, or what stands behind its proxy, took too long.`, advice: t`Let the receiver answer at once and do its work afterwards.`, ways: ["try", "test", "log"] };
    case 410:
      return {
        short, sentence: t`The receiver answered ${status}, gone.`, why: t`It says that it wants no more events, so the endpoint is disabled.`,
        advice: t`If it shall get events again, repair the receiver or correct the URL, then enable the endpoint.`, ways: ["edit", "resume", "test"],
      };
    case 413:
      return { short, sentence: t`The receiver answered ${status}, too large.`, why: t`The receiver, or a proxy before it, takes no bodies of this size.`, advice: t`Raise the limit there, or let the endpoint send less with a script.`, ways: ["try", "look", "log"] };
    case 429:
      return { short, sentence: t`The receiver answered ${status}, too many requests.`, why: t`It gets more requests than it takes.`, advice: t`Give the endpoint a rate limit that the receiver can bear, or raise the receiver's.`, ways: ["edit", "try", "log"] };
    case 502:
    case 503:
      return {
        short, sentence: status === 502 ? t`The receiver answered ${status}, bad gateway.` : t`The receiver answered ${status}, unavailable.`,
        why: t`It is down, being restarted, or overloaded.`, advice: t`Look after the receiver; once it works, try now.`, ways: ["try", "test", "log"],
      };
  }
  const sentence = t`The receiver answered ${status}.`;
  if (status >= 400 && status <= 499) {
    return {
      short, sentence, why: t`It refused this event: something in it is not as it expects.`,
      advice: t`Look at the response: the receiver often says there what it did not like. Correct the receiver, then try now.`, ways: ["log", "try", "check"],
    };
  }
  if (status >= 500) return { short, sentence, why: t`The receiver's program failed on this request.`, advice: t`Look into the receiver's log at this time; once it is corrected, try now.`, ways: ["try", "log", "test"] };
  return { ...reasonOf("status"), short, sentence };
}

const unmade = new Set<string | undefined>(["expired", "settled", "render", "transform", "transform_timeout", "transform_memory", "transform_result", "recipe", "auth"]);

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
  if (known) return { short: i18n._(known.short), sentence: i18n._(known.sentence), why: i18n._(known.why), advice: i18n._(known.advice), ways: known.ways };
  const plain = word?.replaceAll("_", " ") || t`unknown cause`;
  return { short: plain, sentence: t`It failed: ${plain}.`, why: t`More is not known.`, advice: t`The attempts in the log say more.`, ways: ["log", "try"] };
}

/** The cause of a failure: the reason of an attempt, and the status if the receiver answered. */
export interface Cause {
  reason?: string;
  response_status?: number;
}

/** What a cause means. */
export function causeOf({ reason, response_status }: Cause): Reason {
  return response_status && (reason === undefined || reason === "status") ? ofStatus(response_status) : reasonOf(reason);
}
