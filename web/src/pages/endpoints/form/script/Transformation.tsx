import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Input, Radio, Stack, Switch, Text, Textarea } from "@mantine/core";
import { lazy, Suspense, useId, useState } from "react";
import { Choices } from "../Choices.tsx";
import { EventSource, type Source } from "../EventSource.tsx";
import type { EndpointFormState } from "../form.ts";
import { examples, starters } from "./examples.ts";
import { Outcome } from "./Outcome.tsx";
import { useTrial } from "./trial.ts";

const ScriptEditor = lazy(() => import("../../../../parts/ScriptEditor.tsx"));

const fates = () => [
  { value: "hold", title: t`Hold the delivery`, hint: t`It waits until the script is changed, and then goes out. Nothing is lost.` },
  { value: "fail", title: t`Give it up`, hint: t`The delivery fails at once. It can be sent again by hand.` },
];

const functions = () => [
  { value: "transform", title: "transform(event)", hint: t`It returns the request.` },
  { value: "handler", title: "handler(webhook)", hint: t`It changes the webhook and returns it, as scripts for Svix do.` },
];

/** Whether a script makes the requests, and the script. */
export function Transformation({ form }: { form: EndpointFormState }) {
  const { scripted } = form.values;
  return (
    <Stack gap="md">
      <Switch
        label={t`Change requests with a script`}
        description={t`JavaScript that makes the body of each request and, if need be, its method, URL and headers; or says that an event is to be left out. What it makes is signed and sent.`}
        checked={scripted}
        onChange={(e) => {
          form.clearFieldError("code");
          form.setValues({ scripted: e.currentTarget.checked, ...(form.values.code.trim() === "" ? { code: starters[form.values.scriptFunction] } : {}) });
        }}
      />
      {scripted && <Script form={form} />}
    </Stack>
  );
}

function Script({ form }: { form: EndpointFormState }) {
  const id = useId();
  const [source, setSource] = useState<Source>("");
  const trial = useTrial(form.values, source);
  const { code, scriptFunction } = form.values;
  const fault = trial.data?.error;
  const set = (text: string) => {
    form.clearFieldError("code");
    form.setFieldValue("code", text);
  };
  const choose = (f: string) => {
    const chosen = f === "handler" ? f : "transform";
    if (code.trim() === "" || code === starters[scriptFunction]) set(starters[chosen]);
    form.setFieldValue("scriptFunction", chosen);
  };
  const error = form.errors.code;
  return (
    <Stack gap="md">
      <Radio.Group label={t`The function that it defines`} value={scriptFunction} onChange={choose}>
        <Choices choices={functions()} columns={2} />
      </Radio.Group>
      <Input.Wrapper
        label={t`Script`}
        labelElement="div"
        labelProps={{ id: `${id}-label` }}
        description={t`It has no access to anything else, and gets 100 ms and 8 MB.`}
        descriptionProps={{ id: `${id}-hint` }}
        error={error}
        errorProps={{ id: `${id}-error` }}
        inputWrapperOrder={["label", "description", "input", "error"]}
      >
        <div data-field="code" style={{ marginBlock: 6 }}>
          <Suspense fallback={<Textarea aria-label={t`Script`} autosize minRows={8} value={code} onChange={(e) => set(e.currentTarget.value)} />}>
            <ScriptEditor
              value={code}
              onChange={set}
              label={t`Script`}
              describedBy={`${id}-hint${error ? ` ${id}-error` : ""}`}
              invalid={Boolean(error) || fault !== undefined}
              at={fault?.line ? { line: fault.line, column: fault.column } : undefined}
            />
          </Suspense>
        </div>
        {scriptFunction === "transform" && (
          <Group gap="xs">
            <Text size="xs" c="dimmed"><Trans>Insert an example:</Trans></Text>
            {examples.map((e) => (
              <Button key={e.code} size="compact-xs" variant="light" onClick={() => set(e.code)}>{i18n._(e.label)}</Button>
            ))}
          </Group>
        )}
      </Input.Wrapper>
      <Stack gap="xs" component="section" aria-label={t`Trial of the script`}>
        <Group>
          <EventSource label={t`Try it with`} first={t`A sample that fits`} app={form.values.apps[0]} events={form.values.allEvents ? [] : form.values.events} value={source} onChange={setSource} />
        </Group>
        {form.values.apps.length === 0 ? <Text size="sm" c="dimmed"><Trans>Choose an app first to try the script.</Trans></Text> : <Outcome trial={trial} />}
      </Stack>
      <Radio.Group label={t`When it fails on an event`} {...form.getInputProps("onError")}>
        <Choices choices={fates()} columns={2} />
      </Radio.Group>
    </Stack>
  );
}
