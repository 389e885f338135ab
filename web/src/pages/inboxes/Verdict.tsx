import { Alert, Anchor, Badge, Text } from "@mantine/core";
import { IconQuestionMark, IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { InboxRequest } from "../../api/client.ts";
import { useEndpoint } from "../../api/queries.ts";
import { Sentence } from "../../parts/Sentence.tsx";
import { nameOf } from "../../parts/EndpointName.tsx";

/** What a check of the signature said, in two words. */
export function VerdictBadge({ request }: { request: InboxRequest }) {
  const s = request.signature;
  if (!s) return <Badge variant="light" color="gray" tt="none" leftSection={<IconQuestionMark size={12} />}>Signature not checked</Badge>;
  return s.verified ? (
    <Badge variant="light" color="teal" tt="none" leftSection={<IconShieldCheck size={13} />}>Signature verified</Badge>
  ) : (
    <Badge variant="light" color="red" tt="none" leftSection={<IconShieldX size={13} />}>Signature wrong</Badge>
  );
}

/** The same as a sentence, with what it was checked by. */
export function Verdict({ request }: { request: InboxRequest }) {
  const s = request.signature;
  if (!s) {
    return (
      <Alert variant="light" color="gray" icon={<IconQuestionMark />} title="The signature was not checked">
        No endpoint has this inbox as its URL, so there is no secret to check it by.
      </Alert>
    );
  }
  return (
    <Alert variant="light" color={s.verified ? "teal" : "red"} icon={s.verified ? <IconShieldCheck /> : <IconShieldX />} title={s.verified ? "The signature verifies" : "The signature does not verify"}>
      <Text size="sm"><Sentence text={s.detail} /></Text>
      <Text size="sm">
        Checked with the secrets of the endpoint <EndpointLink id={s.endpoint} />.
      </Text>
    </Alert>
  );
}

/** Underlined, in the text's own colour: the coloured ground leaves a link's colour too little contrast. */
function EndpointLink({ id }: { id: string }) {
  const endpoint = useEndpoint(id);
  return (
    <Anchor component={Link} to={`/endpoints/${id}`} size="sm" c="inherit" underline="always" className="foreign">
      {endpoint.data ? nameOf(endpoint.data) : id}
    </Anchor>
  );
}
