import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Anchor, Button, Group, Radio, Stack, Text } from "@mantine/core";
import {
  IconAddressBook, IconBrandDiscord, IconBrandSlack, IconBrandTeams, IconBrandZapier, IconDoorEnter, IconHierarchy, IconMail, IconMessage2, IconPlug, IconReceipt, IconTable, IconWebhook,
} from "@tabler/icons-react";
import { type ComponentType, type CSSProperties, useState } from "react";
import { useRecipes } from "../../../api/queries.ts";
import { byCategory, type Recipe } from "../../../lib/recipes.ts";
import type { PartProps } from "./form.ts";
import { chooseRecipe } from "./values.ts";
import classes from "./Target.module.css";

type Icon = ComponentType<{ size?: number; stroke?: number; "aria-hidden"?: boolean; style?: CSSProperties }>;

const brands: Record<string, Icon> = { slack: IconBrandSlack, teams: IconBrandTeams, discord: IconBrandDiscord, zapier: IconBrandZapier };
const ofCategory: [RegExp, Icon][] = [
  [/chat/i, IconMessage2], [/sheet|table/i, IconTable], [/contact|customer/i, IconAddressBook], [/mail/i, IconMail], [/door|access/i, IconDoorEnter],
  [/account|book/i, IconReceipt], [/automat/i, IconHierarchy],
];

function iconOf(r: Recipe): Icon {
  return brands[r.name] ?? ofCategory.find(([words]) => words.test(r.category ?? ""))?.[1] ?? IconPlug;
}

/** Where events shall go: a server of one's own, or one of the targets that there are recipes for. */
export function Target({ form, create }: PartProps) {
  const recipes = useRecipes();
  const [open, setOpen] = useState(create);
  const list = recipes.data ?? [];
  const chosen = list.find((r) => r.name === form.values.recipe);
  if (recipes.isError && form.values.recipe === "") return null;
  if (recipes.data && list.length === 0) return null;
  if (!open) {
    const Icon = chosen ? iconOf(chosen) : IconWebhook;
    return (
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <Icon size={22} stroke={1.6} aria-hidden />
        <div style={{ flex: 1 }}>
          <Text size="sm" fw={600}>{chosen?.title ?? (form.values.recipe || t`Your own server`)}</Text>
          {chosen?.description && <Text size="sm" c="dimmed" className="foreign">{chosen.description}</Text>}
        </div>
        <Button size="xs" variant="default" onClick={() => setOpen(true)}><Trans>Choose another</Trans></Button>
      </Group>
    );
  }
  const choose = (name: string) => form.setValues(chooseRecipe(form.values, chosen, list.find((r) => r.name === name), Intl.DateTimeFormat().resolvedOptions().timeZone));
  return (
    <Radio.Group label={t`Where shall it go?`} value={form.values.recipe} onChange={(name) => { form.clearErrors(); choose(name); }} data-field="recipe">
      <Stack gap="xs" mt={6}>
        <div className={classes.grid}>
          <Card value="" title={t`Your own server`} hint={t`Any URL`} icon={IconWebhook} />
          {byCategory(list).flatMap(([category, group]) => group.map((r) => <Card key={r.name} value={r.name} title={r.title} hint={category} icon={iconOf(r)} />))}
        </div>
      </Stack>
      <div aria-live="polite">
        {chosen && (
          <Text size="sm" mt="sm" className="foreign">
            {chosen.description}{" "}
            {chosen.docs && <Anchor href={chosen.docs} target="_blank" rel="noreferrer noopener" size="sm"><Trans>Documentation of {chosen.title}</Trans></Anchor>}
          </Text>
        )}
        {!create && <Alert mt="sm" p="xs" color="yellow" variant="light"><Trans>The target of an endpoint that exists: what is under way goes out in the new form, too.</Trans></Alert>}
      </div>
    </Radio.Group>
  );
}

function Card({ value, title, hint, icon: Icon }: { value: string; title: string; hint: string; icon: Icon }) {
  return (
    <Radio.Card value={value} className={classes.card} aria-label={title}>
      <Group gap={8} wrap="nowrap">
        <Icon size={20} stroke={1.6} aria-hidden style={{ flexShrink: 0 }} />
        <div style={{ minWidth: 0 }}>
          <Text size="sm" fw={600} lh={1.3} className="foreign">{title}</Text>
          <Text size="xs" c="dimmed" className="foreign">{hint}</Text>
        </div>
      </Group>
    </Radio.Card>
  );
}
