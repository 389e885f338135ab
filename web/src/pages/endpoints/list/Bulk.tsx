import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, plural, t } from "@lingui/core/macro";
import { Plural, Trans } from "@lingui/react/macro";
import { Button, Group, List, Modal, Progress, Stack, Text } from "@mantine/core";
import { IconClockPlay, IconPlayerPause, IconPlayerPlay, IconTrash } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { type ComponentType, useRef, useState } from "react";
import { api, type Endpoint, ok, Problem } from "../../../api/client.ts";
import { endpointsChanged } from "../../../api/queries.ts";
import { useConfirm } from "../../../parts/confirm.tsx";
import { nameOf } from "../../../parts/EndpointName.tsx";
import { type Act, each, needless, type Result } from "./bulk.ts";

const acts: { act: Act; label: MessageDescriptor; doing: MessageDescriptor; icon: ComponentType<{ size?: number }>; danger?: boolean }[] = [
  { act: "pause", label: msg`Pause`, doing: msg`Pausing endpoints`, icon: IconPlayerPause },
  { act: "resume", label: msg`Resume`, doing: msg`Resuming endpoints`, icon: IconPlayerPlay },
  { act: "try", label: msg`Try now`, doing: msg`Trying now what waits`, icon: IconClockPlay },
  { act: "delete", label: msg`Delete`, doing: msg`Deleting endpoints`, icon: IconTrash, danger: true },
];

interface BulkProps {
  /** Those that are chosen. */
  endpoints: Endpoint[];
  /** Takes these as chosen from now on. */
  onChosen(ids: ReadonlySet<string>): void;
}

/** What can be done with all that are chosen; what came of each is said. */
export function Bulk({ endpoints, onChosen }: BulkProps) {
  const confirm = useConfirm();
  const queries = useQueryClient();
  const [run, setRun] = useState<{ act: Act; list: Endpoint[]; results: Map<string, Result>; over: boolean }>();
  const stop = useRef<AbortController>(undefined);
  const n = endpoints.length;

  async function begin(act: Act) {
    const list = endpoints;
    if (act === "delete" && !(await confirm({
      title: plural(n, { one: "Delete # endpoint?", other: "Delete # endpoints?" }),
      children: <Lost list={list} />,
      confirm: plural(n, { one: "Delete # endpoint", other: "Delete # endpoints" }),
      type: t({ message: "delete", comment: "the word to type before something is deleted" }),
    }))) return;
    stop.current = new AbortController();
    const results = new Map<string, Result>(list.map((e) => [e.id, { state: "waiting" }]));
    setRun({ act, list, results, over: false });
    const tell = (id: string, result: Result) => {
      results.set(id, result);
      setRun({ act, list, results: new Map(results), over: false });
    };
    await each(list, (e) => one(act, e), tell, stop.current.signal);
    setRun({ act, list, results: new Map(results), over: true });
    endpointsChanged(queries);
    for (const e of list) void queries.invalidateQueries({ queryKey: ["endpoint", e.id] });
    void queries.invalidateQueries({ queryKey: ["failures"] });
    // What is still to be done stays chosen.
    onChosen(new Set(list.filter((e) => ["failed", "undone"].includes(results.get(e.id)!.state)).map((e) => e.id)));
  }

  return (
    <>
      {n > 0 && (
        <Group gap="xs" role="group" aria-label={t`With those chosen`}>
          <Text size="sm" fw={600} role="status"><Plural value={n} one="# endpoint chosen" other="# endpoints chosen" /></Text>
          {acts.map(({ act, label, icon: Icon, danger }) => (
            <Button key={act} size="compact-sm" variant="light" color={danger ? "red" : undefined} leftSection={<Icon size={14} />} onClick={() => void begin(act)}>{i18n._(label)}</Button>
          ))}
          <Button size="compact-sm" variant="subtle" color="gray" onClick={() => onChosen(new Set())}><Trans>Choose none</Trans></Button>
        </Group>
      )}
      {run && (
        <Modal opened onClose={() => run.over && setRun(undefined)} withCloseButton={run.over} closeOnClickOutside={false} title={i18n._(acts.find((a) => a.act === run.act)!.doing)} size="lg">
          <Outcomes {...run} onStop={() => stop.current?.abort()} onClose={() => setRun(undefined)} />
        </Modal>
      )}
    </>
  );
}

/** Does it with one endpoint, as it is now. */
async function one(act: Act, e: Endpoint): Promise<"done" | "skipped"> {
  const params = { path: { id: e.id } };
  if (act === "delete") {
    await ok(api.DELETE("/v1/endpoints/{id}", { params }));
    return "done";
  }
  if (needless(act, await ok(api.GET("/v1/endpoints/{id}", { params })))) return "skipped";
  if (act === "pause") await ok(api.POST("/v1/endpoints/{id}/pause", { params }));
  if (act === "resume") await ok(api.POST("/v1/endpoints/{id}/resume", { params }));
  if (act === "try") return (await ok(api.POST("/v1/endpoints/{id}/try", { params, body: {} }))).moved > 0 ? "done" : "skipped";
  return "done";
}

function Lost({ list }: { list: Endpoint[] }) {
  const most = 12;
  const more = list.length - most;
  return (
    <Stack gap="xs">
      <Text size="sm"><Trans>Their settings and secrets are gone for good, and what waits for them is canceled and never sent. The log of their attempts stays.</Trans></Text>
      <List size="sm">
        {list.slice(0, most).map((e) => <List.Item key={e.id}><span className="foreign">{nameOf(e)}</span></List.Item>)}
        {more > 0 && <List.Item><Plural value={more} one="and # more" other="and # more" /></List.Item>}
      </List>
    </Stack>
  );
}

interface OutcomesProps {
  act: Act;
  list: Endpoint[];
  results: Map<string, Result>;
  over: boolean;
  onStop(): void;
  onClose(): void;
}

function Outcomes({ act, list, results, over, onStop, onClose }: OutcomesProps) {
  const count = (state: Result["state"]) => [...results.values()].filter((r) => r.state === state).length;
  const ended = list.length - count("waiting") - count("running");
  const [done, skipped, failed, undone] = [count("done"), count("skipped"), count("failed"), count("undone")];
  return (
    <Stack>
      <Progress value={(ended / list.length) * 100} aria-label={t`How far it is`} color={failed > 0 ? "orange" : undefined} />
      <Text size="sm" role="status">
        {[
          plural(done, { one: "# done", other: "# done" }),
          ...(skipped > 0 ? [plural(skipped, { one: "# had nothing to do", other: "# had nothing to do" })] : []),
          ...(failed > 0 ? [plural(failed, { one: "# failed", other: "# failed" })] : []),
          ...(undone > 0 ? [plural(undone, { one: "# left as it was", other: "# left as they were" })] : []),
          ...(over ? [] : [plural(list.length - ended, { one: "# to go", other: "# to go" })]),
        ].join(", ")}
      </Text>
      <Stack component="ul" gap={4} m={0} p={0} mah="45vh" style={{ overflowY: "auto", listStyle: "none" }} tabIndex={0} aria-label={t`What came of each`}>
        {list.map((e) => <Line key={e.id} endpoint={e} act={act} result={results.get(e.id)!} />)}
      </Stack>
      <Group justify="flex-end">
        {over ? <Button onClick={onClose} data-autofocus><Trans>Close</Trans></Button> : <Button variant="default" onClick={onStop}><Trans>Stop here</Trans></Button>}
      </Group>
    </Stack>
  );
}

const words: Record<Exclude<Result["state"], "failed" | "skipped">, MessageDescriptor> = { waiting: msg`to go`, running: msg`now…`, done: msg`done`, undone: msg`left as it was` };

const needlessWords: Record<Act, MessageDescriptor> = {
  pause: msg`was not active`, resume: msg`was active already`, try: msg`nothing waits, or it is paused or disabled`, delete: msg`was gone`,
};

function Line({ endpoint, act, result }: { endpoint: Endpoint; act: Act; result: Result }) {
  const text = result.state === "failed"
    ? result.error instanceof Problem ? result.error.detail : String(result.error)
    : i18n._(result.state === "skipped" ? needlessWords[act] : words[result.state]);
  return (
    <Group component="li" gap="xs" wrap="nowrap" align="flex-start" justify="space-between">
      <Text size="sm" className="foreign" truncate maw="50%">{nameOf(endpoint)}</Text>
      <Text size="sm" c={result.state === "failed" ? "var(--mantine-color-error)" : "dimmed"} className="foreign" ta="end">{text}</Text>
    </Group>
  );
}
