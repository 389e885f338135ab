import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { lazy, Suspense, useMemo, useState } from "react";
import { looksAt } from "../lib/json.ts";
import { byteSize } from "../lib/text.ts";
import { CodeBlock } from "./Code.tsx";
import { CopyWide } from "./Copy.tsx";

const JsonTree = lazy(() => import("./JsonTree.tsx"));

const firstPart = 20_000;

/** JSON from strangers, as a tree or as the very bytes, always as text. */
export function Json({ text, title = "JSON" }: { text: string; title?: string }) {
  const [view, setView] = useState("tree");
  const [all, setAll] = useState(false);
  const look = useMemo(() => looksAt(text), [text]);
  const tree = view === "tree" && look.value !== undefined;
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <SegmentedControl size="xs" value={view} onChange={setView} aria-label={t`View`} data={[{ value: "tree", label: t`Pretty` }, { value: "raw", label: t`Raw` }]} />
        <Group gap="xs">
          <Text size="xs" c="dimmed">{byteSize(look.bytes)}</Text>
          <CopyWide value={text} />
        </Group>
      </Group>
      {view === "tree" && look.note && <Alert variant="light" p="xs">{look.note}</Alert>}
      {tree ? (
        <Suspense fallback={<CodeBlock code={text.slice(0, firstPart)} title={title} wrap />}>
          <JsonTree value={look.value as object} label={title} />
        </Suspense>
      ) : (
        <>
          <CodeBlock code={all ? text : text.slice(0, firstPart)} title={title} wrap />
          {!all && text.length > firstPart && (
            <Button variant="light" size="xs" onClick={() => setAll(true)}>
              <Trans>Show all {byteSize(look.bytes)}</Trans>
            </Button>
          )}
        </>
      )}
    </Stack>
  );
}
