import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Badge, Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconEye, IconRefresh } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Endpoint, ok, type Schemas } from "../../../api/client.ts";
import { useRecipe } from "../../../api/queries.ts";
import { Copyable } from "../../../parts/Copy.tsx";
import { SecretValue } from "../../../parts/SecretValue.tsx";
import { Failure } from "../../../parts/states.tsx";
import { Time } from "../../../parts/Time.tsx";
import { VerificationCode } from "../../../parts/VerificationCode.tsx";
import { ReceiverCheck } from "../../check/ReceiverCheck.tsx";

type Value = Schemas["SecretValue"];

interface SecretTabProps {
  endpoint: Endpoint;
  /** What a rotation of a moment ago answered. */
  rotated: Schemas["Rotated"] | undefined;
  /** Left out where the operator's lock forbids it. */
  onRotate?(): void;
}

/** The secrets that requests are signed with, shown on demand, and how to verify them. */
export function SecretTab({ endpoint, rotated, onRotate }: SecretTabProps) {
  // Not a query: secrets are not kept in a cache, and are not asked for again by themselves.
  const read = useMutation({ mutationFn: () => ok(api.GET("/v1/endpoints/{id}/secret", { params: { path: { id: endpoint.id } } })), gcTime: 0 });
  const recipe = useRecipe(endpoint.recipe);
  const [hidden, setHidden] = useState<object>();
  const { dialect } = endpoint;
  const secrets = rotated?.secrets ?? (read.data !== hidden ? read.data?.secrets : undefined);
  return (
    <Stack gap="xl">
      <Stack gap="sm" component="section" aria-label={t`Signing secret`}>
        <Group justify="space-between">
          <Title order={2}><Trans>Signing secret</Trans></Title>
          {onRotate && <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={onRotate}><Trans>Rotate secret</Trans></Button>}
        </Group>
        {endpoint.recipe && !recipe?.signed && <Alert variant="light" p="xs"><Trans>Requests of this recipe carry no signature: its target does not look at one.</Trans></Alert>}
        <Text size="sm" c="dimmed" maw={720}>
          <Trans>Every request is signed with this secret. The receiver checks the signature with it, and so knows that a request came from here and was not changed. Whoever has it can forge requests: keep it out of code and logs.</Trans>
        </Text>
        <div aria-live="polite">
          {rotated && <RotationResult rotated={rotated} />}
          {!secrets && (
            <Paper withBorder p="md">
              <Group gap="sm">
                <Button leftSection={<IconEye size={16} />} loading={read.isPending} onClick={() => read.mutate()}><Trans>Show secret</Trans></Button>
                <Text size="sm" c="dimmed"><Trans>That you looked at it is noted in the audit log.</Trans></Text>
              </Group>
            </Paper>
          )}
          {read.error && <Failure error={read.error} />}
          {secrets && (
            <Stack gap="sm">
              {secrets.map((s, i) => <Secret key={s.secret} value={s} newest={i === 0} alone={secrets.length === 1} />)}
              {!rotated && <Button variant="subtle" size="xs" style={{ alignSelf: "flex-start" }} onClick={() => setHidden(read.data)}><Trans>Put away</Trans></Button>}
            </Stack>
          )}
        </div>
      </Stack>
      <Stack gap="sm" component="section" aria-label={t`Verify the signature`}>
        <Title order={2}><Trans>Verify the signature</Trans></Title>
        <Text size="sm" c="dimmed"><Trans>Paste this into the receiver. It works for the dialect of this endpoint, {dialect}.</Trans></Text>
        <VerificationCode dialect={endpoint.dialect} />
      </Stack>
      <ReceiverCheck endpoint={endpoint} />
    </Stack>
  );
}

function Secret({ value, newest, alone }: { value: Value; newest: boolean; alone: boolean }) {
  return (
    <Paper withBorder p="md">
      <Stack gap="xs">
        <SecretValue value={value.secret} label={alone ? t`Secret` : newest ? t`New secret` : t`Old secret`} />
        {value.public_key && (
          <div>
            <Text size="sm" fw={500}><Trans>Public key</Trans></Text>
            <Copyable value={value.public_key} label={t`Copy the public key`} />
            <Text size="xs" c="dimmed"><Trans>Receivers need only this half.</Trans></Text>
          </div>
        )}
        <Group gap="xs">
          {!alone && <Badge variant="light" color={newest ? "teal" : "yellow"} tt="none">{newest ? t`signs` : t`signs too, for now`}</Badge>}
          <Text size="xs" c="dimmed">
            {value.expires_at
              ? <Trans>Made <Time at={value.created_at} /> · stops <Time at={value.expires_at} /> (<Time at={value.expires_at} relative />)</Trans>
              : <Trans>Made <Time at={value.created_at} /> · does not expire</Trans>}
          </Text>
        </Group>
      </Stack>
    </Paper>
  );
}

function RotationResult({ rotated }: { rotated: Schemas["Rotated"] }) {
  const old = rotated.secrets.find((s) => s.expires_at);
  return (
    <Alert color={rotated.overlap ? "teal" : "yellow"} variant="light" title={t`The secret was rotated`} mb="sm">
      {rotated.overlap && old
        ? <><Trans>Requests are signed with the new and the old secret until <Time at={old.expires_at} />. Put the new one into the receiver before then.</Trans></>
        : t`The old secret stopped at once: requests are signed with the new one only. Put it into the receiver now, since it refuses requests until then.`}
    </Alert>
  );
}
