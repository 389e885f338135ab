import { Accordion, Badge, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import type { InboxRequest } from "../../api/client.ts";
import { headerLines } from "../../lib/headers.ts";
import { Body } from "../../parts/Body.tsx";
import { CodeBlock } from "../../parts/Code.tsx";
import { Time } from "../../parts/Time.tsx";
import { answerWords } from "./answers.ts";
import { Verdict, VerdictBadge } from "./Verdict.tsx";

/** What arrived at an inbox, newest first; the newest of the first look is open. */
export function Requests({ requests }: { requests: InboxRequest[] }) {
  const [open, setOpen] = useState<string[]>(() => requests.slice(0, 1).map((r) => String(r.id)));
  return (
    <Accordion variant="contained" order={3} multiple value={open} onChange={setOpen}>
      {requests.map((r) => (
        <Accordion.Item key={r.id} value={String(r.id)}>
          <Accordion.Control>
            <Group gap="xs" pe="xs">
              <Text size="xs" ff="monospace" className="foreign">{r.method}</Text>
              <Text size="sm" fw={600}>Request {r.id}</Text>
              <VerdictBadge request={r} />
              <Badge variant="light" color={r.answered < 300 ? "teal" : "red"} size="sm" tt="none">answered {r.answered}</Badge>
              <Text size="xs" c="dimmed" ms="auto"><Time at={r.at} /></Text>
            </Group>
          </Accordion.Control>
          <Accordion.Panel>{open.includes(String(r.id)) && <RequestContent request={r} />}</Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}

export function RequestContent({ request: r }: { request: InboxRequest }) {
  return (
    <Stack gap="sm">
      <Verdict request={r} />
      <Text size="sm" c="dimmed">
        It was answered with {answerWords(r.answered)}.{r.truncated ? " The body was longer than what is kept: this is its beginning." : ""}
      </Text>
      <CodeBlock title="Request and headers" code={`${r.method} ${r.path}\n${headerLines(r.headers)}`} maxHeight={260} wrap />
      <Body text={r.body} base64={r.body_base64} title="Body" none="It had no body." />
    </Stack>
  );
}
