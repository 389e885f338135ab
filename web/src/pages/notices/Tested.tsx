import { t } from "@lingui/core/macro";
import { List, Text, ThemeIcon } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import type { Schemas } from "../../api/client.ts";

/** What came of a test, for each who was sent one. */
export function Tested({ results }: { results: Schemas["NoticeTested"][] }) {
  return (
    <List spacing={4} size="sm" center role="status" aria-label={t`What came of the test`} listStyleType="none">
      {results.map(({ to, ok, detail }, i) => (
        <List.Item
          key={i}
          icon={ok
            ? <ThemeIcon color="teal" variant="light" size={20} radius="xl"><IconCheck size={13} aria-hidden /></ThemeIcon>
            : <ThemeIcon color="red" variant="light" size={20} radius="xl"><IconX size={13} aria-hidden /></ThemeIcon>}
        >
          <Text size="sm" className="foreign">{ok ? t`A test was sent to ${to}` : t`No test could be sent to ${to}`}</Text>
          {detail && <Text size="sm" c="dimmed" className="foreign">{detail}</Text>}
        </List.Item>
      ))}
    </List>
  );
}
