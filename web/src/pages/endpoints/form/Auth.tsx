import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { FileButton, Button, Group, Input, Select, SimpleGrid, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { IconFile } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { EndpointFormState, PartProps } from "./form.ts";
import { type AuthType, keeps, noAuth, type SecretName } from "./making.ts";
import { SecretInput } from "./SecretInput.tsx";

const types = (): { value: "" | AuthType; label: string }[] => [
  { value: "", label: t`None: the signature is enough` },
  { value: "basic", label: t`User name and password (Basic)` },
  { value: "bearer", label: t`Bearer token` },
  { value: "header", label: t`A header, such as an API key` },
  { value: "query", label: t`A query parameter` },
  { value: "oauth2_client_credentials", label: t`OAuth 2: client credentials` },
  { value: "oauth2_refresh_token", label: t`OAuth 2: refresh token` },
];

const labels = (): Record<SecretName, string> => ({ password: t`Password`, token: t`Token`, value: t`Value`, client_secret: t`Client secret`, refresh_token: t`Refresh token` });

/** How requests authenticate, and the certificates of their connections. */
export function Auth({ form }: PartProps) {
  const { auth, recipe } = form.values;
  return (
    <Stack gap="lg">
      {recipe === "" && (
        <Stack gap="md">
          <Select
            label={t`Authentication`}
            description={t`What your server asks for besides the signature. Secrets are stored encrypted, and never shown again.`}
            data={types()}
            allowDeselect={false}
            value={auth.type}
            onChange={(type) => {
              form.clearErrors();
              form.setFieldValue("auth", { ...noAuth, type: (type ?? "") as "" | AuthType, ...(type === form.values.stored.auth.type ? form.values.stored.auth : {}) });
            }}
          />
          <AuthFields form={form} />
          {form.errors.auth && <Input.Error>{form.errors.auth}</Input.Error>}
        </Stack>
      )}
      <Certificates form={form} />
    </Stack>
  );
}

/** Sets parts of the authentication. */
function useAuth(form: EndpointFormState) {
  return (change: Partial<EndpointFormState["values"]["auth"]>) => {
    for (const name of Object.keys(form.errors)) if (name.startsWith("auth.")) form.clearFieldError(name);
    form.setFieldValue("auth", { ...form.values.auth, ...change });
  };
}

/** A secret of the authentication. */
export function AuthSecret({ form, name, label = labels()[name], description }: { form: EndpointFormState; name: SecretName; label?: string; description?: ReactNode }) {
  const { auth } = form.values;
  const set = useAuth(form);
  return (
    <SecretInput
      label={label}
      description={description}
      required={!auth.optional}
      set={keeps(form.values.stored, form.values, name)}
      value={auth.secrets[name] ?? ""}
      onChange={(text) => set({ secrets: { ...auth.secrets, [name]: text } })}
      error={form.errors[`auth.${name}`]}
    />
  );
}

/** A text of the authentication, none of which is a secret. */
export function AuthText({ form, name, field, ...rest }: { form: EndpointFormState; name: "username" | "name" | "prefix" | "tokenURL" | "clientID" | "scopes"; field: string; label: string; description?: ReactNode; placeholder?: string; withAsterisk?: boolean }) {
  const set = useAuth(form);
  return <TextInput {...rest} autoComplete="off" spellCheck={false} value={form.values.auth[name]} error={form.errors[`auth.${field}`]} onChange={(e) => set({ [name]: e.currentTarget.value })} />;
}

function AuthFields({ form }: { form: EndpointFormState }) {
  const { auth } = form.values;
  const set = useAuth(form);
  const two = { base: 1, xs: 2 };
  switch (auth.type) {
    case "":
      return null;
    case "basic":
      return <SimpleGrid cols={two}><AuthText form={form} name="username" field="username" label={t`User name`} withAsterisk /><AuthSecret form={form} name="password" /></SimpleGrid>;
    case "bearer":
      return <AuthSecret form={form} name="token" description={t`Sent as Authorization: Bearer, with this behind it.`} />;
    case "header":
      return (
        <SimpleGrid cols={two}>
          <AuthText form={form} name="name" field="name" label={t`Name of the header`} placeholder={t`X-Api-Key`} withAsterisk />
          <AuthText form={form} name="prefix" field="prefix" label={t`Before the value`} description={t`Empty as a rule.`} placeholder={t`Token `} />
          <AuthSecret form={form} name="value" />
        </SimpleGrid>
      );
    case "query":
      return <SimpleGrid cols={two}><AuthText form={form} name="name" field="name" label={t`Name of the parameter`} placeholder={t`key`} withAsterisk /><AuthSecret form={form} name="value" /></SimpleGrid>;
    default:
      return (
        <Stack gap="md">
          <AuthText form={form} name="tokenURL" field="token_url" label={t`Token URL`} placeholder={t`https://login.example.com/oauth2/token`} description={t`Where tokens come from. They are kept, and renewed before they end.`} withAsterisk />
          <SimpleGrid cols={two}>
            <AuthText form={form} name="clientID" field="client_id" label={t`Client id`} withAsterisk />
            <AuthSecret form={form} name="client_secret" />
          </SimpleGrid>
          {auth.type === "oauth2_refresh_token" && <AuthSecret form={form} name="refresh_token" description={t`Where the server gives a new one with each token, the newest is kept.`} />}
          <SimpleGrid cols={two}>
            <AuthText form={form} name="scopes" field="scopes" label={t`Scopes`} description={t`With spaces between; empty as a rule.`} />
            <Select
              label={t`The client's credentials are sent`}
              description={t`As the server wants them.`}
              data={[{ value: "basic", label: t`in a header (Basic)` }, { value: "body", label: t`in the body` }]}
              allowDeselect={false}
              value={auth.clientAuth}
              onChange={(v) => set({ clientAuth: v === "body" ? "body" : "basic" })}
            />
          </SimpleGrid>
        </Stack>
      );
  }
}

/** A certificate for receivers that ask for one, and authorities that only this endpoint trusts. */
function Certificates({ form }: { form: EndpointFormState }) {
  const { tls, stored } = form.values;
  const set = (change: Partial<typeof tls>) => {
    for (const name of Object.keys(form.errors)) if (name.startsWith("tls")) form.clearFieldError(name);
    form.setFieldValue("tls", { ...tls, ...change });
  };
  return (
    <Stack gap="md">
      <div>
        {form.values.recipe === "" && <Title order={3} size="sm"><Trans>Certificates</Trans></Title>}
        <Text size="sm" c="dimmed"><Trans>For receivers that ask for a client certificate (mutual TLS), or have one of an authority of their own. In PEM: paste them, or choose a file.</Trans></Text>
      </div>
      <Pem label={t`Client certificate`} hint={t`With its chain.`} value={tls.certificate} error={form.errors["tls.certificate"] ?? form.errors.tls} onChange={(certificate) => set({ certificate })} />
      {(tls.certificate.trim() !== "" || tls.key !== "") && (
        <Stack gap={6}>
          <SecretInput label={t`Key of the certificate`} description={t`Not encrypted. It is never shown again.`} lines set={keeps(stored, form.values, "tls.key")} value={tls.key} onChange={(key) => set({ key })} error={form.errors["tls.key"]} />
          <PemFile label={t`Key of the certificate`} onText={(key) => set({ key })} />
        </Stack>
      )}
      <Pem label={t`Authorities to trust`} hint={t`Besides the usual ones.`} value={tls.ca} error={form.errors["tls.ca"]} onChange={(ca) => set({ ca })} />
    </Stack>
  );
}

function Pem({ label, hint, value, error, onChange }: { label: string; hint: string; value: string; error: ReactNode; onChange(text: string): void }) {
  return (
    <Stack gap={6}>
      <Textarea
        label={label}
        description={hint}
        placeholder={t`-----BEGIN CERTIFICATE-----`}
        autosize
        minRows={2}
        maxRows={8}
        spellCheck={false}
        autoComplete="off"
        styles={{ input: { fontFamily: "var(--bh-mono)", fontSize: 12 } }}
        value={value}
        error={error}
        onChange={(e) => onChange(e.currentTarget.value)}
      />
      <PemFile label={label} onText={onChange} />
    </Stack>
  );
}

function PemFile({ label, onText }: { label: string; onText(text: string): void }) {
  return (
    <Group>
      <FileButton accept=".pem,.crt,.cer,.key,application/x-pem-file" onChange={(file) => void file?.text().then(onText)}>
        {(props) => <Button {...props} size="compact-sm" variant="default" leftSection={<IconFile size={14} />} aria-label={t`From a file: ${label}`}><Trans>From a file…</Trans></Button>}
      </FileButton>
    </Group>
  );
}

