import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Group, Modal, PasswordInput, Select, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type Endpoint, faultOf, ok, type Schemas } from "../../../api/client.ts";
import { endpointsChanged, useDialects } from "../../../api/queries.ts";
import { Failure } from "../../../parts/states.tsx";

const graces = () => [
  { value: "0s", label: t`Not at all: it stops at once` },
  { value: "1h", label: t`1 hour` },
  { value: "24h", label: t`24 hours` },
  { value: "7d", label: t`7 days` },
];

interface RotateDialogProps {
  endpoint: Endpoint;
  opened: boolean;
  onClose(): void;
  onDone(rotated: Schemas["Rotated"]): void;
}

/** Asks how to rotate the secret, saying what that does, and rotates it. */
export function RotateDialog({ endpoint, opened, onClose, onDone }: RotateDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={t`Rotate the secret`} centered>
      <RotateForm endpoint={endpoint} onClose={onClose} onDone={onDone} />
    </Modal>
  );
}

function RotateForm({ endpoint, onClose, onDone }: Omit<RotateDialogProps, "opened">) {
  const [grace, setGrace] = useState("24h");
  const [secret, setSecret] = useState("");
  const queries = useQueryClient();
  const dialect = useDialects().data?.find((d) => d.name === endpoint.dialect);
  // Only a dialect that joins several signatures can carry the old one too.
  const name = endpoint.dialect;
  const several = dialect === undefined || Boolean(dialect.signature.join);
  const rotate = useMutation({
    mutationFn: () => ok(api.POST("/v1/endpoints/{id}/secret/rotate", {
      params: { path: { id: endpoint.id } },
      body: { ...(several ? { grace } : {}), ...(secret.trim() !== "" ? { secret: secret.trim() } : {}) },
    })),
    gcTime: 0, // the secrets are kept by the page that shows them, and nowhere else
    onSuccess: (rotated) => {
      onDone(rotated);
      endpointsChanged(queries, endpoint.id);
    },
  });
  const errors = { grace: faultOf(rotate.error, "grace", t`The time`), secret: faultOf(rotate.error, "secret", t`The secret`) };
  const stops = !several || grace === "0s";
  const submit = (e: FormEvent) => {
    e.preventDefault();
    rotate.mutate();
  };
  return (
    <Stack component="form" gap="md" onSubmit={submit}>
      <Text size="sm"><Trans>Requests are signed with a new secret from now on. Rotate when the old one may have been seen by others, or when somebody who knew it has left.</Trans></Text>
      {several && (
        <Select
          label={t`Keep the old secret valid for`}
          description={t`In this time requests carry both signatures, so that the receiver can be changed without a gap.`}
          data={graces()}
          value={grace}
          onChange={(value) => setGrace(value ?? "24h")}
          allowDeselect={false}
          error={errors.grace}
          data-autofocus
        />
      )}
      {stops && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle />}>
          {several ? t`The old secret stops at once.` : t`The dialect ${name} carries one signature, so the old secret stops at once.`}{" "}
          <Trans>The receiver refuses requests until it has the new one; they are tried again.</Trans>
        </Alert>
      )}
      <PasswordInput
        label={t`Own secret (optional)`}
        description={t`In the form of the dialect. Left empty, a strong one is made.`}
        autoComplete="off"
        value={secret}
        onChange={(e) => setSecret(e.currentTarget.value)}
        error={errors.secret && <span className="foreign">{errors.secret}</span>}
        visibilityToggleButtonProps={{ "aria-label": t`Show the secret` }}
      />
      {rotate.error && !errors.grace && !errors.secret && <Failure error={rotate.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}><Trans>Cancel</Trans></Button>
        <Button type="submit" color={stops ? "red.9" : undefined} loading={rotate.isPending}>{stops ? t`Rotate and stop the old one` : t`Rotate secret`}</Button>
      </Group>
    </Stack>
  );
}
