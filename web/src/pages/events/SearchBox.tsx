import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { pageFor, placeOf } from "../../layout/search/place.ts";
import { idKind, pasted } from "../../lib/ids.ts";

interface SearchBoxProps {
  value: string | undefined;
  /** Searches for an event by its UUID or the publisher's own id. */
  onSearch(text: string | undefined): void;
}

/** One box for every id: the server's own lead to what they name, others search. */
export function SearchBox({ value, onSearch }: SearchBoxProps) {
  const navigate = useNavigate();
  const app = useAppFilter();
  const [text, setText] = useState(value ?? "");
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<string>();
  const asked = useRef<string>(undefined);
  useEffect(() => () => {
    asked.current = undefined; // an answer that comes later leads nowhere
  }, []);

  async function search(given: string) {
    const id = pasted(given);
    asked.current = id;
    setSaid(undefined);
    const kind = idKind(id);
    if (!kind) {
      onSearch(id || undefined);
      return;
    }
    setBusy(true);
    try {
      const found = await placeOf(id);
      if (asked.current !== id) return;
      if (found) {
        await navigate(pageFor(found, app));
        return;
      }
      // Somebody's own id may look like one of ours.
      setSaid(t`There is no ${kind} ${id}, or you may not see it.`);
      if (kind === "event") onSearch(id);
    } catch (error) {
      if (asked.current === id) setSaid(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  }

  // A link may hold the search.
  useEffect(() => {
    setText(value ?? "");
    if (value && value !== asked.current && idKind(value)) void search(value);
    // Only the address matters here, not the functions of this render.
  }, [value]);

  return (
    <form role="search" style={{ flex: "1 1 300px", maxWidth: 460 }} onSubmit={(e: FormEvent) => { e.preventDefault(); void search(text); }}>
      <TextInput
        aria-label={t`Search by id`}
        placeholder={t`Find by id: evt_…, att_…, dlv_…, a UUID, or your own`}
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value);
          setSaid(undefined);
        }}
        error={said}
        errorProps={{ role: "alert" }}
        leftSection={<IconSearch size={16} stroke={1.6} />}
        rightSection={<Button type="submit" size="compact-sm" variant="light" loading={busy}><Trans>Find</Trans></Button>}
        rightSectionWidth={64}
        autoComplete="off"
        spellCheck={false}
      />
    </form>
  );
}
