import { t } from "@lingui/core/macro";
import { List, Text, ThemeIcon } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import type { Schemas } from "../../api/client.ts";

/** What came of a test, for each who was sent one. */
export function Tested({ results }: { results: Schemas["NoticeTested"][] }) {
  return (
    <List spacing={4} size="sm" center role="status" aria-label={t`What came of the test`} listStyleType="none">
      {results.map((r, i) => (
        <List.Item
          key={i}
          icon={r.ok
            ? <ThemeIcon color="teal" variant="light" size={20} radius="xl"><IconCheck size={13} aria-hidden /></ThemeIcon>
            : <ThemeIcon color="red" variant="light" size={20} radius="xl"><IconX size={13} aria-hidden /></ThemeIcon>}
        >
          <Text size="sm" span className="foreign">{r.to}</Text>{" "}
          <Text size="sm" span c={r.ok ? "dimmed" : undefined}>{r.ok ? t`was sent a test` : t`could not be sent to`}</Text>
          {r.detail && <Text size="sm" c="dimmed" className="foreign">{r.detail}</Text>}
        </List.Item>
      ))}
    </List>
  );
}
