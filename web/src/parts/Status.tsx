import { Badge, type MantineColor, type MantineSize } from "@mantine/core";
import { i18n, type MessageDescriptor } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { IconLock } from "@tabler/icons-react";
import type { Attempt, Endpoint, Health, Outcome } from "../api/client.ts";
import { useHold } from "../api/queries.ts";
import { attemptWords, deliveryWords, type Fate, healthWords, outcomeWords } from "../lib/words.ts";

type Size = Extract<MantineSize, "xs" | "sm" | "md" | "lg">;

const states: Record<Fate, MantineColor> = {
  succeeded: "teal", failed: "red", pending: "blue", retrying: "orange", held: "yellow", canceled: "gray", not_sent: "gray",
};

const outcomes: Record<Outcome["state"], MantineColor> = { delivered: "teal", failed: "red", waiting: "blue", held: "yellow", canceled: "gray", none: "gray" };

export const healthColors: Record<Health["state"], MantineColor> = {
  healthy: "teal", failing: "red", on_hold: "orange", paused: "yellow", disabled: "red", unknown: "gray",
};

function Word({ color, size = "sm", title, word }: { color: MantineColor; size?: Size; title?: string; word: MessageDescriptor }) {
  return <Badge component="span" variant="light" color={color} size={size} tt="none" fw={600} title={title} style={{ flexShrink: 0 }}>{i18n._(word)}</Badge>;
}

/** How an endpoint is doing. */
export function HealthBadge({ endpoint, size }: { endpoint: Pick<Endpoint, "health" | "status">; size?: Size }) {
  const { state, reason, detail } = healthOf(endpoint);
  const chosen = state === "disabled" && reason !== "gave_up"; // by a person
  return <Word color={chosen ? "gray" : healthColors[state] ?? "gray"} size={size} title={detail} word={healthWords[state]} />;
}

/** What became of one event at one endpoint. */
export function DeliveryStatus({ value, size }: { value: Fate; size?: Size }) {
  const { data: hold } = useHold();
  if (hold?.held && (value === "pending" || value === "retrying")) return <Word color={states.held} size={size} title={t`All sending is held`} word={deliveryWords.held} />;
  return <Word color={states[value] ?? "gray"} size={size} word={deliveryWords[value]} />;
}

/** What became of an event at all of its endpoints. */
export function OutcomeBadge({ value, size }: { value: Outcome["state"]; size?: Size }) {
  const { data: hold } = useHold();
  if (hold?.held && value === "waiting") return <Word color={outcomes.held} size={size} title={t`All sending is held`} word={outcomeWords.held} />;
  return <Word color={outcomes[value] ?? "gray"} size={size} word={outcomeWords[value]} />;
}

/** How one request ended. */
export function AttemptStatus({ value, size }: { value: Attempt["status"]; size?: Size }) {
  return <Word color={states[value] ?? "gray"} size={size} word={attemptWords[value]} />;
}

/** That the operator holds an endpoint. */
export function LockedBadge({ size = "sm" }: { size?: "sm" | "lg" }) {
  return <Badge component="span" variant="light" color="yellow" size={size} tt="none" fw={600} leftSection={<IconLock size={12} aria-hidden />} style={{ flexShrink: 0 }}><Trans>Locked</Trans></Badge>;
}

/** An HTTP status, or why there is none. */
export function StatusCode({ attempt }: { attempt: Pick<Attempt, "status" | "response_status" | "reason"> }) {
  const good = attempt.status === "succeeded";
  return (
    <Badge variant="light" color={good ? "teal" : attempt.status === "canceled" ? "gray" : "red"} size="sm" tt="none" fw={600} ff="monospace" style={{ flexShrink: 0 }}>
      {attempt.response_status || attempt.reason?.replaceAll("_", " ") || "none"}
    </Badge>
  );
}

/** The health that the server says. */
export function healthOf(endpoint: Pick<Endpoint, "health" | "status">): Health {
  if (endpoint.health) return endpoint.health;
  return { state: endpoint.status === "active" ? "unknown" : endpoint.status, detail: "" };
}
