// What is said of findings and of a receiver's answers, by the API's words. What the
// server adds is shown as it says it.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Schemas } from "../../api/client.ts";

export type Finding = Schemas["CheckFinding"];
export type Result = Schemas["CheckResult"];

export const findings: Record<string, MessageDescriptor> = {
  changed_body: msg`The body was changed on its way`,
  changed_header: msg`A header was changed on its way`,
  missing_header: msg`A header is missing`,
  malformed_header: msg`A header cannot be read`,
  renamed_header: msg`A header arrived under another name`,
  stale_time: msg`The request is too old`,
  future_time: msg`The request is from the future`,
  wrong_secret: msg`It was signed with another secret`,
  bad_secret: msg`The secret is not one of this dialect`,
  other_dialect: msg`It speaks another dialect`,
  signature_mismatch: msg`The signature does not match`,
};

export const confidences: Record<Finding["confidence"], { label: MessageDescriptor; color: string }> = {
  certain: { label: msg`certain`, color: "red" },
  likely: { label: msg`likely`, color: "orange" },
  possible: { label: msg`possible`, color: "gray" },
};

export const kinds: Record<Result["name"], MessageDescriptor> = {
  good: msg`A request as events will be`,
  duplicate: msg`The same event once more`,
  changed_body: msg`A changed body under a good signature`,
  stale_time: msg`An old request, sent again`,
  wrong_secret: msg`Signed with another secret`,
  unsigned: msg`Without a signature`,
  large: msg`A large event`,
  together: msg`Two requests at once`,
};

export const marks: Record<Result["mark"], { label: MessageDescriptor; color: string }> = {
  pass: { label: msg`As it should be`, color: "teal" },
  weak: { label: msg`Could be better`, color: "yellow" },
  fault: { label: msg`At fault`, color: "red" },
  skipped: { label: msg`Left out`, color: "gray" },
  untried: { label: msg`Not tried`, color: "gray" },
};
