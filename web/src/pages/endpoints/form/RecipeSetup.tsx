import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Select, SimpleGrid, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { defaultAddress, isMail, paceOf, type Recipe, type RecipeField } from "../../../lib/recipes.ts";
import { AuthSecret, AuthText } from "./Auth.tsx";
import type { EndpointFormState } from "./form.ts";
import { isOAuth, secretsOf } from "./making.ts";

const zones = Intl.supportedValuesOf("timeZone");

/** What a recipe asks for: its address, its fields, its credentials. */
export function RecipeSetup({ form, recipe }: { form: EndpointFormState; recipe: Recipe }) {
  const { address } = recipe;
  const pace = paceOf(recipe);
  return (
    <Stack gap="md">
      <TextInput
        label={address.title ?? (isMail(recipe) ? t`Mail server` : t`URL`)}
        description={<Help text={address.help} optional={address.default !== undefined && address.default !== ""} />}
        placeholder={defaultAddress(recipe, form.values.recipeFields) ?? address.placeholder}
        type="url"
        inputMode="url"
        autoComplete="off"
        spellCheck={false}
        withAsterisk={!address.default}
        {...form.getInputProps("url")}
      />
      {(recipe.fields ?? []).map((f) => <Field key={f.name} form={form} field={f} />)}
      <Credentials form={form} recipe={recipe} />
      {pace && <Text size="sm" c="dimmed" className="foreign"><Trans>{recipe.title} is sent at most {pace}: what is more waits for its turn, and is not lost.</Trans></Text>}
    </Stack>
  );
}

function Help({ text, optional }: { text: string | undefined; optional: boolean }) {
  return <span className="foreign">{text}{optional && t` Leave it empty for the usual one.`}</span>;
}

function Field({ form, field: f }: { form: EndpointFormState; field: RecipeField }) {
  const path = `recipeFields.${f.name}`;
  const value = form.values.recipeFields[f.name] ?? "";
  const set = (text: string) => {
    form.clearFieldError(path);
    form.setFieldValue("recipeFields", { ...form.values.recipeFields, [f.name]: text });
  };
  const common = {
    label: f.title ?? f.name,
    description: f.help && <span className="foreign">{f.help}</span>,
    withAsterisk: Boolean(f.required && !f.default),
    placeholder: f.default,
    error: form.errors[path],
    value,
  };
  if (f.choices?.length || f.kind === "timezone") {
    return <Select {...common} data={f.choices ?? zones} value={value || null} searchable={!f.choices} limit={f.choices ? undefined : 100} clearable={!f.required} onChange={(v) => set(v ?? "")} nothingFoundMessage={t`Nothing like it`} />;
  }
  if (f.kind === "template" || f.kind === "html") {
    return (
      <Stack gap={4} align="stretch">
        <Textarea {...common} autosize minRows={f.kind === "html" ? 3 : 1} maxRows={16} spellCheck={f.kind !== "html"} autoComplete="off" styles={f.kind === "html" ? { input: { fontFamily: "var(--bh-mono)", fontSize: 13 } } : {}} onChange={(e) => set(e.currentTarget.value)} />
        {f.default && value === "" && <div><Button size="compact-xs" variant="subtle" onClick={() => set(f.default!)} aria-label={t`Edit the usual text: ${common.label}`}><Trans>Edit the usual text</Trans></Button></div>}
      </Stack>
    );
  }
  return <TextInput {...common} type={f.kind === "email" ? "email" : "text"} inputMode={f.kind === "number" ? "decimal" : undefined} autoComplete="off" spellCheck={false} onChange={(e) => set(e.currentTarget.value)} />;
}

/** The credentials: what the recipe does not know of them. */
function Credentials({ form, recipe }: { form: EndpointFormState; recipe: Recipe }) {
  const { auth } = recipe;
  const { type } = form.values.auth;
  if (!auth || type === "" || type !== auth.type) return null;
  const secrets = secretsOf[type];
  const named = (type === "header" || type === "query") && !auth.name;
  const several = secrets.length > 1 || isOAuth(type) || named || (type === "basic" && !auth.username);
  const help = <span className="foreign">{auth.help}</span>;
  return (
    <Stack gap="sm">
      {several && (
        <div>
          <Title order={3} size="sm" className="foreign">{auth.title ?? t`Credentials`}</Title>
          <Text size="sm" c="dimmed">{help}{auth.optional && t` Leave both empty if none is needed.`}</Text>
        </div>
      )}
      <SimpleGrid cols={{ base: 1, xs: several ? 2 : 1 }}>
        {type === "basic" && !auth.username && <AuthText form={form} name="username" field="username" label={t`User name`} withAsterisk={!auth.optional} />}
        {named && <AuthText form={form} name="name" field="name" label={type === "header" ? t`Name of the header` : t`Name of the parameter`} withAsterisk={!auth.optional} />}
        {isOAuth(type) && !auth.token_url && <AuthText form={form} name="tokenURL" field="token_url" label={t`Token URL`} withAsterisk />}
        {isOAuth(type) && <AuthText form={form} name="clientID" field="client_id" label={t`Client id`} withAsterisk />}
        {secrets.map((s) => <AuthSecret key={s} form={form} name={s} label={several ? undefined : auth.title} description={several ? undefined : help} />)}
      </SimpleGrid>
      {form.errors.auth && <Alert color="red" variant="light" p="xs">{form.errors.auth}</Alert>}
    </Stack>
  );
}
