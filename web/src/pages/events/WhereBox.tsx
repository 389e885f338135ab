import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { IconFilterSearch } from "@tabler/icons-react";
import { type FormEvent, useEffect, useState } from "react";
import { sentence } from "../../lib/text.ts";
import { withData } from "./where.ts";

interface WhereBoxProps {
  /** The newest condition, and why it cannot be searched by. */
  faulty: { condition: string; why: string } | undefined;
  onAdd(condition: string): void;
}

/** Searches by what is in the data of events. */
export function WhereBox({ faulty, onAdd }: WhereBoxProps) {
  const [text, setText] = useState("");
  const wrong = faulty?.condition;
  useEffect(() => {
    if (wrong !== undefined) setText(wrong); // to be mended
  }, [wrong]);
  function submit(e: FormEvent) {
    e.preventDefault();
    if (text.trim() === "") return;
    onAdd(withData(text));
    setText("");
  }
  const example = "data.customer.id = 42";
  return (
    <form role="search" onSubmit={submit} style={{ flex: "1 1 300px", maxWidth: 460 }}>
      <TextInput
        aria-label={t`Search in the data`}
        placeholder={t`Search in the data: ${example}`}
        title={t`A path, one of = != < <= > >= ~ (contains), and a value. Several searches hold together.`}
        leftSection={<IconFilterSearch size={16} stroke={1.6} />}
        rightSection={<Button type="submit" size="compact-sm" variant="light"><Trans context="verb">Search</Trans></Button>}
        rightSectionWidth={84}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        error={faulty && sentence("", faulty.why)}
        errorProps={{ role: "alert" }}
        autoComplete="off"
        spellCheck={false}
      />
    </form>
  );
}
