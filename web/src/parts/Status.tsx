import { Badge, type MantineColor } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import type { Attempt, Delivery, Endpoint } from "../api/client.ts";

const colors: Record<string, MantineColor> = {
  succeeded: "teal", active: "teal", verified: "teal",
  failed: "red", disabled: "red",
  pending: "blue", retrying: "orange", held: "yellow", paused: "yellow",
  canceled: "gray", not_sent: "gray",
};

const words: Record<string, string> = { not_sent: "not sent" };

type State = Attempt["status"] | Delivery["status"] | Endpoint["status"] | "retrying" | "not_sent";

/** The state of an attempt, a delivery, an endpoint, or an event at an endpoint. */
export function Status({ value, size = "sm" }: { value: State | (string & {}); size?: "xs" | "sm" | "md" | "lg" }) {
  return (
    <Badge variant="light" color={colors[value] ?? "gray"} size={size} tt="none" fw={600} style={{ flexShrink: 0 }}>
      {words[value] ?? value}
    </Badge>
  );
}

/** That the operator holds an endpoint. */
export function LockedBadge({ size = "sm" }: { size?: "sm" | "lg" }) {
  return <Badge variant="light" color="yellow" size={size} tt="none" fw={600} leftSection={<IconLock size={12} aria-hidden />} style={{ flexShrink: 0 }}>locked</Badge>;
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
