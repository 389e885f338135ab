import { t } from "@lingui/core/macro";
import { Box, Group, Text } from "@mantine/core";
import { Copy } from "./Copy.tsx";
import classes from "./Code.module.css";

/** A block of text as it is: code, a body, a request. It never becomes markup. */
export function CodeBlock({ code, title, maxHeight = 420, wrap = false }: { code: string; title?: string; maxHeight?: number; wrap?: boolean }) {
  return (
    <Box className={classes.block}>
      <Group justify="space-between" className={classes.bar} wrap="nowrap">
        <Text size="xs" c="dimmed" className="foreign" truncate>{title}</Text>
        <Copy value={code} label={title ? t`Copy: ${title}` : t`Copy`} />
      </Group>
      {/* Scrolls by keyboard, so it takes the focus. */}
      <pre className={classes.pre} data-wrap={wrap || undefined} style={{ maxHeight }} tabIndex={0} role="region" aria-label={title ?? t`Code`} dir="ltr">
        {code}
      </pre>
    </Box>
  );
}
