import { Anchor, Button, Code, Group, Paper, Select, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Inbox } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { CopyWide } from "../../parts/Copy.tsx";
import { nameOf } from "../../parts/EndpointName.tsx";
import { failed } from "../../parts/notify.ts";
import { Time } from "../../parts/Time.tsx";
import { linkTo } from "../../lib/links.ts";
import { useNow } from "../../lib/useNow.ts";
import { AnswerForm } from "./AnswerForm.tsx";
import { answerExtras, answers, answerWords, timeLeft } from "./answers.ts";
import { useChangeAnswer, useEndpointsAt } from "./queries.ts";

/** What an inbox is: its URL, how it answers, who sends to it and how long it lives. */
export function InboxSettings({ inbox }: { inbox: Inbox }) {
  const { mayEdit } = useSession();
  const endpoints = useEndpointsAt(inbox.url, inbox.app);
  return (
    <Paper withBorder p="md">
      <Stack gap="md">
        <div>
          <Text size="sm" fw={500} mb={4}>URL</Text>
          <Group gap="xs">
            <Code className="foreign" fz="sm">{inbox.url}</Code>
            <CopyWide value={inbox.url} label="Copy URL" />
            {mayEdit && (
              <Button component={Link} {...linkTo("/endpoints/new", { url: inbox.url, app: inbox.app })} size="xs" variant="light">
                Create endpoint with this URL
              </Button>
            )}
          </Group>
        </div>
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="lg">
          <Answer inbox={inbox} />
          <div>
            <Text size="sm" fw={500} mb={4}>Endpoints that send here</Text>
            {endpoints.data?.length === 0 && <Text size="sm" c="dimmed">None yet.</Text>}
            {endpoints.data?.map((e) => (
              <Text key={e.id} size="sm">
                <Anchor component={Link} to={`/endpoints/${e.id}`} size="sm" className="foreign">{nameOf(e)}</Anchor> ({e.status})
              </Text>
            ))}
          </div>
          <div>
            <Text size="sm" fw={500} mb={4}>Ends in</Text>
            <Countdown until={inbox.expires_at} />
            <Text size="xs" c="dimmed">at <Time at={inbox.expires_at} />. It keeps the newest {inbox.capacity} requests until then.</Text>
          </div>
        </SimpleGrid>
      </Stack>
    </Paper>
  );
}

function Answer({ inbox }: { inbox: Inbox }) {
  const { mayEdit } = useSession();
  const answer = useChangeAnswer(inbox.token);
  const [programming, setProgramming] = useState(false);
  const shown = (answer.isPending && answer.variables.answer_status) || inbox.answer_status;
  const effect = answers.find((a) => a.status === shown)?.effect;
  const extras = answerExtras(inbox);
  if (!mayEdit) {
    return (
      <div>
        <Text size="sm" fw={500} mb={4}>Answers with</Text>
        <Text size="sm">{answerWords(inbox.answer_status)}</Text>
        {extras && <Text size="xs" c="dimmed" className="foreign">{extras}</Text>}
      </div>
    );
  }
  const data = answers.map((a) => ({ value: String(a.status), label: a.words }));
  if (!answers.some((a) => a.status === shown)) data.push({ value: String(shown), label: String(shown) });
  return (
    <div>
      <Select
        label="Answer with"
        description={effect}
        inputWrapperOrder={["label", "input", "description", "error"]}
        data={data}
        value={String(shown)}
        allowDeselect={false}
        onChange={(value) => value && answer.mutate({ answer_status: Number(value) }, { onError: (error) => failed("It answers as before", error) })}
      />
      {extras && <Text size="xs" mt={4} className="foreign">{extras}</Text>}
      <Button variant="subtle" size="compact-sm" mt={4} px={4} onClick={() => setProgramming(true)}>Delay, text, failures…</Button>
      <AnswerForm inbox={inbox} opened={programming} onClose={() => setProgramming(false)} />
    </div>
  );
}

function Countdown({ until }: { until: string }) {
  const left = new Date(until).getTime() - useNow(1000).getTime();
  return <Text size="sm" role="timer" aria-live="off">{timeLeft(left)}</Text>;
}
