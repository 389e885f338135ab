import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Input, Pill, Stack, Switch, Text, TextInput } from "@mantine/core";
import { IconPlus, IconSearch } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useEventTypes } from "../../../api/queries.ts";
import { fits, number } from "../../../lib/text.ts";
import { Waiting } from "../../../parts/states.tsx";
import { add, inWords, leavesOf, remove, search, strays, treeOf, wrongPattern } from "./events.ts";
import { EventTree } from "./EventTree.tsx";
import type { PartProps } from "./form.ts";
import classes from "./EventPicker.module.css";

/** From how many types on a search helps. */
const manyTypes = 8;
/** How many types are shown with their groups open. */
const openAtOnce = 12;
const foundAtOnce = 100;

/** Which events are sent: all, or a choice of types and groups of the catalogue. */
export function EventPicker({ form }: PartProps) {
  const { allEvents, events } = form.values;
  return (
    <Stack gap="sm">
      <Switch
        label={t`All events`}
        description={t`Every event of the app, also of types that are added later.`}
        checked={allEvents}
        onChange={(e) => {
          form.setFieldValue("allEvents", e.currentTarget.checked);
          form.clearFieldError("events");
        }}
      />
      {!allEvents && <Choice patterns={events} onChange={(next) => form.setFieldValue("events", next)} error={form.errors.events} />}
    </Stack>
  );
}

function Choice({ patterns, onChange, error }: { patterns: string[]; onChange(patterns: string[]): void; error: React.ReactNode }) {
  const types = useEventTypes();
  const [sought, setSought] = useState("");
  const tree = useMemo(() => treeOf(types.data ?? []), [types.data]);
  const found = useMemo(() => search(tree, sought), [tree, sought]);
  const others = useMemo(() => strays(patterns, tree), [patterns, tree]);
  if (!types.data) return <Waiting query={types} lines={5} />;
  const today = types.data.filter((type) => !type.archived);
  const matching = number(today.filter((type) => patterns.some((p) => fits(p, type.name))).length);
  const chosen = inWords(patterns);
  const ofToday = plural(today.length, { one: `${matching} of today's # type`, other: `${matching} of today's # types` });
  return (
    <Input.Wrapper error={error} errorProps={{ id: "events-error" }}>
      <div role="group" aria-label={t`Event types`} aria-describedby={error ? "events-error" : undefined} tabIndex={-1} data-field="events" className={classes.box}>
        {types.data.length > manyTypes && (
          <TextInput
            aria-label={t`Search event types`}
            placeholder={t`Search by name or description`}
            leftSection={<IconSearch size={16} />}
            value={sought}
            onChange={(e) => setSought(e.currentTarget.value)}
            className={classes.search}
          />
        )}
        {tree.length === 0 ? (
          <Text size="sm" c="dimmed" p="sm">
            <Trans>The catalogue has no event types yet. Add the names that you expect below, or choose all events.</Trans>
          </Text>
        ) : found.length === 0 ? (
          <Text size="sm" c="dimmed" p="sm" role="status">
            <Trans>No event type has these words. If you know the name, add it below.</Trans>
          </Text>
        ) : (
          <EventTree nodes={found} whole={tree} patterns={patterns} onChange={onChange} open={leavesOf(found).length <= (sought === "" ? openAtOnce : foundAtOnce)} />
        )}
        <FreeEntry patterns={patterns} onAdd={(p) => onChange(add(patterns, p))} />
        {others.length > 0 && (
          <Group gap={6} px="sm" pb="sm">
            <Text size="xs" c="dimmed"><Trans>Also:</Trans></Text>
            {others.map((p) => (
              <Pill
                key={p}
                size="sm"
                withRemoveButton
                onRemove={() => onChange(remove(patterns, p, []))}
                removeButtonProps={{ "aria-label": t`Remove ${p}`, "aria-hidden": false, tabIndex: 0 }}
              >
                <span className="foreign">{p}</span>
              </Pill>
            ))}
          </Group>
        )}
        <Text size="sm" fw={500} role="status" className={`foreign ${classes.summary}`}>
          {patterns.length > 0 ? t`Chosen: ${chosen}` : chosen}
          {patterns.length > 0 && today.length > 0 && <Text span c="dimmed" size="sm"> · {ofToday}</Text>}
        </Text>
      </div>
    </Input.Wrapper>
  );
}

/** Adds a name or a pattern that the tree does not have. */
function FreeEntry({ patterns, onAdd }: { patterns: string[]; onAdd(pattern: string): void }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string>();
  function enter() {
    const pattern = text.trim();
    const wrong = wrongPattern(pattern) ?? (patterns.includes(pattern) ? t`This is there already.` : undefined);
    setProblem(wrong);
    if (wrong) return;
    onAdd(pattern);
    setText("");
  }
  return (
    <Group gap="xs" align="flex-start" p="sm" className={classes.free}>
      <TextInput
        aria-label={t`Another name or pattern`}
        placeholder={t`Another name, or a beginning such as order.*`}
        size="xs"
        style={{ flex: "1 1 200px" }}
        value={text}
        error={problem}
        spellCheck={false}
        autoComplete="off"
        onChange={(e) => {
          setText(e.currentTarget.value);
          setProblem(undefined);
        }}
        onKeyDown={(e) => {
          if (e.key !== "Enter") return;
          e.preventDefault(); // adds, and does not send the form
          enter();
        }}
      />
      <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={enter} disabled={text.trim() === ""}><Trans>Add</Trans></Button>
    </Group>
  );
}
