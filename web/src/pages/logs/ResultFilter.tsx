import { t } from "@lingui/core/macro";
import { Select } from "@mantine/core";
import { useState } from "react";
import { reasonOf } from "../../lib/reasons.ts";

interface ResultFilterProps {
  status: string | undefined;
  reason: string | undefined;
  /** What is wrong with the status. */
  error?: string;
  onChange(result: { response_status?: string; reason?: string }): void;
}

const answers = ["2xx", "3xx", "4xx", "5xx", "400", "401", "403", "404", "410", "422", "429", "500", "502", "503", "504"];

/** Causes that are no status of an answer, the usual ones first. */
const causes = [
  "timeout", "connect", "dns", "tls", "reset", "protocol", "address_refused", "answer", "auth", "no_listener", "transform", "transform_timeout", "transform_memory",
  "transform_result", "recipe", "render", "request_invalid", "url_refused", "expired", "canceled", "erased", "endpoint_deleted", "skipped", "resources", "panic",
];

/** What a status or a range of them is called. */
export function statusWord(status: string): string {
  return status === "none" ? t`No answer` : t`Answer ${status}`;
}

/** What came back: a status, a range of them, or why nothing did. */
export function ResultFilter({ status, reason, error, onChange }: ResultFilterProps) {
  const [typed, setTyped] = useState("");
  const known = [...answers];
  const code = typed.trim();
  if (/^[1-5]\d\d$/.test(code) && !known.includes(code)) known.push(code);
  if (status && status !== "none" && !known.includes(status)) known.push(status); // whatever the address holds is shown
  const words = [...causes, ...(reason && !causes.includes(reason) ? [reason] : [])];
  return (
    <Select
      aria-label={t`Answer or cause`}
      placeholder={t`Answer or cause`}
      w={{ base: "100%", xs: 190 }}
      searchable
      clearable
      onSearchChange={setTyped}
      nothingFoundMessage={t`Type a status, such as 418`}
      data={[
        { group: t`Answers`, items: [...known, "none"].map((s) => ({ value: `status ${s}`, label: statusWord(s) })) },
        { group: t`Causes`, items: words.map((r) => ({ value: `reason ${r}`, label: reasonOf(r).short })) },
      ]}
      error={error}
      errorProps={{ role: "alert" }}
      value={status ? `status ${status}` : reason ? `reason ${reason}` : null}
      onChange={(value) => onChange({
        response_status: value?.startsWith("status ") ? value.slice(7) : undefined,
        reason: value?.startsWith("reason ") ? value.slice(7) : undefined,
      })}
    />
  );
}
