import { Box, Code, Paper, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Dialect } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { CodeBlock } from "../../parts/Code.tsx";
import { VerificationCode } from "../../parts/VerificationCode.tsx";
import { Example } from "./Example.tsx";
import { signatureRules, verificationWords } from "./rules.ts";

/** One dialect: what it sends, how it signs, and how to check that. */
export function Detail({ dialect: d }: { dialect: Dialect }) {
  const { mayEdit } = useSession();
  const headers = [{ name: "Content-Type", value: d.content_type || "application/json" }, ...(d.headers ?? [])];
  return (
    <Paper withBorder p="lg" miw={0}>
      <Stack gap="xl">
        <div>
          <Title order={2} className="foreign">{d.name}</Title>
          {d.description && <Text size="sm" c="dimmed" className="foreign" mt={4}>{d.description}</Text>}
        </div>
        <Part title="What it sends" text="Templates: ${…} stands for a value of the event or the request.">
          <CodeBlock title="Headers" code={headers.map((h) => `${h.name}: ${h.value}`).join("\n")} wrap />
          <CodeBlock title="Body" code={d.body || "${data}"} wrap />
        </Part>
        <Part title="How it signs">
          <Table variant="vertical" withTableBorder layout="fixed">
            <Table.Tbody>
              {signatureRules(d.signature).map((r) => (
                <Table.Tr key={r.term}>
                  <Table.Th w={110}>{r.term}</Table.Th>
                  <Table.Td>
                    <Text size="sm">{r.text}</Text>
                    {r.code && <Code className="foreign" mt={2}>{r.code}</Code>}
                  </Table.Td>
                </Table.Tr>
              ))}
              <Table.Tr><Table.Th>New URLs</Table.Th><Table.Td><Text size="sm">{verificationWords(d.verification)}</Text></Table.Td></Table.Tr>
            </Table.Tbody>
          </Table>
        </Part>
        {mayEdit && <Part title="An example" text="The exact request that an endpoint with this dialect is sent."><Example dialect={d.name} /></Part>}
        <Part title="Code that verifies it" text="Ready to paste into a receiver."><VerificationCode dialect={d.name} /></Part>
      </Stack>
    </Paper>
  );
}

function Part({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <Box component="section" aria-label={title}>
      <Title order={3}>{title}</Title>
      {text && <Text size="sm" c="dimmed" mb="xs">{text}</Text>}
      <Stack gap="sm" mt="xs">{children}</Stack>
    </Box>
  );
}
