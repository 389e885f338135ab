import { Trans } from "@lingui/react/macro";
import { Box, Text } from "@mantine/core";
import type { Change } from "./summaries.ts";

/** What a save would change: a line each where there is room, else the names. */
export function Changes({ list }: { list: Change[] }) {
  if (list.length === 0) return null;
  const names = <Text size="sm"><Trans>Changed: {list.map((c) => c.label).join(", ")}</Trans></Text>;
  return (
    <div role="status" style={{ marginBottom: 8 }}>
      {list.length > 4 ? names : (
        <>
          <Box hiddenFrom="sm">{names}</Box>
          <Box visibleFrom="sm">
            {list.map((c) => (
              <Text key={c.label} size="sm" className="foreign" lineClamp={2}>
                <b>{c.label}:</b> {c.from && <><Text span c="dimmed" size="sm">{c.from}</Text> → </>}{c.to}
              </Text>
            ))}
          </Box>
        </>
      )}
    </div>
  );
}
