import { Anchor, Badge, Button, Group, Paper, Text, TextInput, Title } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { plural } from "../../lib/text.ts";
import { Failure, Waiting } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { useNotices, useTestNotices } from "../notices/queries.ts";
import { Tested } from "../notices/Tested.tsx";

/** How telling people goes: the mail server, a test of it, and what could not be sent. */
export function Mail() {
  const notices = useNotices(undefined);
  const test = useTestNotices(undefined);
  const [email, setEmail] = useState("");
  const status = notices.data?.status;
  function submit(e: FormEvent) {
    e.preventDefault();
    if (email.trim() !== "") test.mutate(email.trim());
  }
  return (
    <Paper withBorder p="md" component="section" aria-labelledby="mail">
      <Title order={2} size="h3" id="mail" mb="xs">Mail and chats</Title>
      {!status ? <Waiting query={notices} lines={2} /> : (
        <>
          <Group gap="xs" mb={6}>
            {status.mail_server
              ? <><Badge color={status.failed?.channel === "email" ? "red" : "teal"} variant="light" tt="none">{status.failed?.channel === "email" ? "Mail fails" : "Mail is set up"}</Badge><Text size="sm" className="foreign">{status.mail_server}, from {status.mail_from}</Text></>
              : <><Badge color="gray" variant="light" tt="none">No mail</Badge><Text size="sm">Set --smtp-url and --smtp-from, and people are told by mail.</Text></>}
          </Group>
          {status.failed && <Text size="sm" c="dimmed" className="foreign">Last failure, <Time at={status.failed.at} />, by {status.failed.channel}: {status.failed.detail}</Text>}
          {status.mail_sent_at && <Text size="sm" c="dimmed">The server last took a mail at <Time at={status.mail_sent_at} />.</Text>}
          {status.waiting > 0 && <Text size="sm" c="dimmed">{plural(status.waiting, "message")} still to be sent{status.since && <>, the oldest since <Time at={status.since} /></>}.</Text>}
          {status.mail_server && (
            <Group component="form" onSubmit={submit} gap="xs" mt="sm" align="flex-end">
              <TextInput label="Send a test to" type="email" placeholder="me@example.com" value={email} onChange={(e) => setEmail(e.currentTarget.value)} w={{ base: "100%", xs: 280 }} />
              <Button type="submit" variant="default" leftSection={<IconSend size={16} />} loading={test.isPending} disabled={email.trim() === ""}>Send a test</Button>
            </Group>
          )}
          {test.error && <Failure error={test.error} />}
          {test.data && <Group mt="sm"><Tested results={test.data} /></Group>}
          <Text size="sm" mt="sm"><Anchor component={Link} to="/notices" size="sm">Who is told of what is broken, and when</Anchor></Text>
        </>
      )}
    </Paper>
  );
}
