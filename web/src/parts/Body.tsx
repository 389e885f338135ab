import { Trans } from "@lingui/react/macro";
import { Text } from "@mantine/core";
import { useMemo } from "react";
import { decodeBase64, hexDump } from "../lib/bytes.ts";
import { looksAt } from "../lib/json.ts";
import { byteSize } from "../lib/text.ts";
import { CodeBlock } from "./Code.tsx";
import { Json } from "./Json.tsx";

interface BodyProps {
  /** The body, if it is text. */
  text: string | undefined;
  /** The body, if it is none. */
  base64: string | undefined;
  title: string;
  /** Stands in place of a body that is empty. */
  none: string;
}

/** The body of a request or an answer, always as text: JSON as a tree, bytes as numbers. */
export function Body({ text, base64, title, none }: BodyProps) {
  const bytes = useMemo(() => (base64 ? decodeBase64(base64) : undefined), [base64]);
  const tree = useMemo(() => text !== undefined && looksAt(text).value !== undefined, [text]);
  if (bytes) {
    const size = byteSize(bytes.length);
    return (
      <>
        <Text size="xs" c="dimmed"><Trans>These {size} are not text (UTF-8), so they are shown as numbers.</Trans></Text>
        <CodeBlock code={hexDump(bytes)} title={title} />
      </>
    );
  }
  if (!text) return <Text size="sm" c="dimmed">{none}</Text>;
  return tree ? <Json text={text} title={title} /> : <CodeBlock code={text} title={title} wrap />;
}
