import { FileButton, Button, Group, Input, Select, SimpleGrid, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { IconFile } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { EndpointFormState, PartProps } from "./form.ts";
import { type AuthType, keeps, noAuth, type SecretName } from "./making.ts";
import { SecretInput } from "./SecretInput.tsx";

const types: { value: "" | AuthType; label: string }[] = [
  { value: "", label: "None: the signature is enough" },
  { value: "basic", label: "User name and password (Basic)" },
  { value: "bearer", label: "Bearer token" },
  { value: "header", label: "A header, such as an API key" },
  { value: "query", label: "A query parameter" },
  { value: "oauth2_client_credentials", label: "OAuth 2: client credentials" },
  { value: "oauth2_refresh_token", label: "OAuth 2: refresh token" },
];

const labels: Record<SecretName, string> = { password: "Password", token: "Token", value: "Value", client_secret: "Client secret", refresh_token: "Refresh token" };

/** How requests authenticate, and the certificates of their connections. */
export function Auth({ form }: PartProps) {
  const { auth, recipe } = form.values;
  return (
    <Stack gap="lg">
      {recipe === "" && (
        <Stack gap="md">
          <Select
            label="Authentication"
            description="What your server asks for besides the signature. Secrets are stored encrypted, and never shown again."
            data={types}
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
export function AuthSecret({ form, name, label = labels[name], description }: { form: EndpointFormState; name: SecretName; label?: string; description?: ReactNode }) {
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
      return <SimpleGrid cols={two}><AuthText form={form} name="username" field="username" label="User name" withAsterisk /><AuthSecret form={form} name="password" /></SimpleGrid>;
    case "bearer":
      return <AuthSecret form={form} name="token" description="Sent as Authorization: Bearer, with this behind it." />;
    case "header":
      return (
        <SimpleGrid cols={two}>
          <AuthText form={form} name="name" field="name" label="Name of the header" placeholder="X-Api-Key" withAsterisk />
          <AuthText form={form} name="prefix" field="prefix" label="Before the value" description="Empty as a rule." placeholder="Token " />
          <AuthSecret form={form} name="value" />
        </SimpleGrid>
      );
    case "query":
      return <SimpleGrid cols={two}><AuthText form={form} name="name" field="name" label="Name of the parameter" placeholder="key" withAsterisk /><AuthSecret form={form} name="value" /></SimpleGrid>;
    default:
      return (
        <Stack gap="md">
          <AuthText form={form} name="tokenURL" field="token_url" label="Token URL" placeholder="https://login.example.com/oauth2/token" description="Where tokens come from. They are kept, and renewed before they end." withAsterisk />
          <SimpleGrid cols={two}>
            <AuthText form={form} name="clientID" field="client_id" label="Client id" withAsterisk />
            <AuthSecret form={form} name="client_secret" />
          </SimpleGrid>
          {auth.type === "oauth2_refresh_token" && <AuthSecret form={form} name="refresh_token" description="Where the server gives a new one with each token, the newest is kept." />}
          <SimpleGrid cols={two}>
            <AuthText form={form} name="scopes" field="scopes" label="Scopes" description="With spaces between; empty as a rule." />
            <Select
              label="The client's credentials are sent"
              description="As the server wants them."
              data={[{ value: "basic", label: "in a header (Basic)" }, { value: "body", label: "in the body" }]}
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
        {form.values.recipe === "" && <Title order={3} size="sm">Certificates</Title>}
        <Text size="sm" c="dimmed">For receivers that ask for a client certificate (mutual TLS), or have one of an authority of their own. In PEM: paste them, or choose a file.</Text>
      </div>
      <Pem label="Client certificate" hint="With its chain." value={tls.certificate} error={form.errors["tls.certificate"] ?? form.errors.tls} onChange={(certificate) => set({ certificate })} />
      {(tls.certificate.trim() !== "" || tls.key !== "") && (
        <Stack gap={6}>
          <SecretInput label="Key of the certificate" description="Not encrypted. It is never shown again." lines set={keeps(stored, form.values, "tls.key")} value={tls.key} onChange={(key) => set({ key })} error={form.errors["tls.key"]} />
          <PemFile label="Key of the certificate" onText={(key) => set({ key })} />
        </Stack>
      )}
      <Pem label="Authorities to trust" hint="Besides the usual ones." value={tls.ca} error={form.errors["tls.ca"]} onChange={(ca) => set({ ca })} />
    </Stack>
  );
}

function Pem({ label, hint, value, error, onChange }: { label: string; hint: string; value: string; error: ReactNode; onChange(text: string): void }) {
  return (
    <Stack gap={6}>
      <Textarea
        label={label}
        description={hint}
        placeholder="-----BEGIN CERTIFICATE-----"
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
        {(props) => <Button {...props} size="compact-sm" variant="default" leftSection={<IconFile size={14} />} aria-label={`From a file: ${label}`}>From a file…</Button>}
      </FileButton>
    </Group>
  );
}

