import type { Attempt } from "../../../api/client.ts";
import { leftHeld, madeRequest, reasonOf } from "../../../lib/reasons.ts";

/** How an attempt ended, in words. */
interface Outcome {
  title: string;
  /** What the server says about this single case. */
  sentence: string;
  advice?: string;
}

export function outcomeOf(a: Attempt): Outcome {
  if (a.status === "succeeded") return { title: `Taken: the receiver answered ${a.response_status ?? "in time"}`, sentence: a.detail ? asSentence(a.detail) : "" };
  const reason = reasonOf(a.reason);
  const sentence = a.detail ? asSentence(a.detail) : reason.sentence;
  if (a.status === "canceled") return { title: a.reason === "skipped" ? "Left out" : "Canceled", sentence };
  if (!madeRequest(a)) return { title: `${leftHeld(a) ? "Held" : a.final ? "Given up" : "Failed"}: ${reason.short}`, sentence, advice: reason.advice };
  const title = a.response_status ? `Failed: the receiver answered ${a.response_status}` : `Failed: ${reason.short}`;
  return { title, sentence, advice: reason.advice };
}

/** A capital at its beginning and a full stop at its end. */
function asSentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
