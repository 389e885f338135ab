import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Group, Paper, Stack, Textarea, TextInput, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useBlocker } from "@tanstack/react-router";
import { type ReactNode, useRef, useState } from "react";
import type { Inbox } from "../../../api/client.ts";
import { useRecipe, useRecipes, useSession } from "../../../api/queries.ts";
import { useConfirm } from "../../../parts/confirm.tsx";
import { Failure } from "../../../parts/states.tsx";
import { AppField } from "./AppField.tsx";
import { EventPicker } from "./EventPicker.tsx";
import { type Part, partOf } from "./form.ts";
import { Matches } from "./Matches.tsx";
import { Preview } from "./Preview.tsx";
import { RecipeSetup } from "./RecipeSetup.tsx";
import { refusal } from "./refusal.ts";
import { Sections } from "./Sections.tsx";
import { Target } from "./Target.tsx";
import { UrlField } from "./UrlField.tsx";
import { differs, type Errors, type FormValues, wrong } from "./values.ts";
import classes from "./EndpointForm.module.css";

interface EndpointFormProps {
  initial: FormValues;
  create: boolean;
  /** A part that is open from the start. */
  openAtFirst?: Part;
  /** Saves, and throws the server's Problem if it refuses. */
  save(values: FormValues, inbox: Inbox | undefined): Promise<void>;
  onCancel(): void;
  /** Stands above the buttons: what a save would change. */
  foot?(values: FormValues): ReactNode;
}

/** The form of an endpoint: the essentials open, the rest in parts that say what is set. */
export function EndpointForm({ initial, create, openAtFirst, save, onCancel, foot }: EndpointFormProps) {
  const session = useSession();
  const recipes = useRecipes().data;
  const form = useForm<FormValues>({ initialValues: initial, validate: (v) => wrong(v, { dev: session.features.dev, recipe: recipes?.find((r) => r.name === v.recipe) }) });
  const recipe = useRecipe(form.values.recipe);
  const [open, setOpen] = useState<Part[]>(openAtFirst ? [openAtFirst] : []);
  const [inbox, setInbox] = useState<Inbox>();
  const [failure, setFailure] = useState<unknown>();
  const [saving, setSaving] = useState(false);
  const [tried, setTried] = useState(false);
  const element = useRef<HTMLFormElement>(null);
  const saved = useRef(false);
  const dirty = differs(initial, form.values);
  useLeaveGuard(dirty, saved);

  /** Opens the parts with errors, and puts the focus on the first. */
  function show(errors: Errors) {
    setTried(true);
    setOpen((before) => [...new Set([...before, ...Object.keys(errors).flatMap((f) => partOf(f) ?? [])])]);
    setTimeout(() => {
      const first = element.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-error] input, [data-field] [role=textbox][aria-invalid=true]");
      (first ?? element.current?.querySelector<HTMLElement>("[data-field=events]"))?.focus();
    }, 60);
  }

  async function submit(values: FormValues) {
    setFailure(undefined);
    setSaving(true);
    try {
      saved.current = true;
      await save(values, inbox?.url === values.url ? inbox : undefined);
    } catch (error) {
      saved.current = false;
      const { fields, rest } = refusal(error, values);
      form.setErrors(fields);
      setFailure(rest);
      if (Object.keys(fields).length > 0) show(fields);
      setSaving(false);
    }
  }

  const props = { form, create };
  const problems = Object.keys(form.errors).length;
  return (
    <form ref={element} className={classes.form} noValidate onSubmit={form.onSubmit((v) => void submit(v), (errors) => show(errors as Errors))}>
      <Stack gap="lg" maw={860}>
        <Paper withBorder p="md">
          <Stack gap="md">
            <Title order={2}><Trans>Where to send</Trans></Title>
            <AppField {...props} />
            <Target {...props} />
            {recipe ? <RecipeSetup form={form} recipe={recipe} /> : <UrlField {...props} inbox={inbox} onInbox={setInbox} />}
            <TextInput
              label={t`Name`}
              description={t`For people, so that it is found again.`}
              placeholder={t`Bookkeeping`}
              autoComplete="off"
              {...form.getInputProps("name")}
            />
            <Textarea
              label={t`Description`}
              description={t`What it is for, and who looks after it.`}
              autosize
              minRows={1}
              maxRows={6}
              autoComplete="off"
              {...form.getInputProps("description")}
            />
          </Stack>
        </Paper>
        <Paper withBorder p="md">
          <Stack gap="md">
            <Title order={2}><Trans>Which events</Trans></Title>
            <EventPicker {...props} />
          </Stack>
        </Paper>
        {recipe && (
          <Paper withBorder p="md">
            <Stack gap="md">
              <Title order={2}><Trans>What is sent</Trans></Title>
              <Preview form={form} recipe={recipe} />
            </Stack>
          </Paper>
        )}
        <Sections {...props} open={open} onOpen={setOpen} />
        <Matches form={form} />
        {tried && problems > 0 && (
          <Alert color="red" variant="light" title={problems === 1 ? t`One thing needs another look` : t`${problems} things need another look`}>
            {Object.entries(form.errors).map(([field, text]) => <div key={field} className="foreign">{text}</div>)}
          </Alert>
        )}
        {failure !== undefined && <Failure error={failure} />}
        <div className={classes.foot}>
          {foot?.(form.values)}
          <Group>
            <Button type="submit" loading={saving} disabled={!create && !dirty && !form.values.verify}>{create ? t`Create endpoint` : t`Save changes`}</Button>
            <Button variant="default" onClick={onCancel}><Trans>Cancel</Trans></Button>
          </Group>
        </div>
      </Stack>
    </form>
  );
}

/** Asks before a page is left whose changes would be lost. */
function useLeaveGuard(dirty: boolean, saved: React.RefObject<boolean>) {
  const confirm = useConfirm();
  useBlocker({
    disabled: !dirty,
    enableBeforeUnload: () => !saved.current,
    shouldBlockFn: async ({ current, next }) => {
      // Another app in the header changes the address, but stays on the page.
      if (saved.current || current.pathname === next.pathname) return false;
      return !(await confirm({ title: t`Leave without saving?`, confirm: t`Leave`, children: t`What you have changed on this page is lost.` }));
    },
  });
}
