import { t } from "@lingui/core/macro";
import { Accordion, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useRecipe } from "../../../api/queries.ts";
import { Advanced } from "./Advanced.tsx";
import { Auth } from "./Auth.tsx";
import { type Part, type PartProps, useDialectChoice } from "./form.ts";
import { Limits } from "./Limits.tsx";
import { Look } from "./Look.tsx";
import { Narrow } from "./Narrow.tsx";
import { Notify } from "./Notify.tsx";
import { OwnTerms } from "./OwnTerms.tsx";
import { Retries } from "./Retries.tsx";
import { retryInWords } from "./retry.ts";
import { Rows } from "./Rows.tsx";
import { advancedLine, appsLine, authLine, captureLine, certificatesLine, headersLine, lookLine, limitsLine, narrowLine, notifyLine, ownApps } from "./summaries.ts";

interface SectionsProps extends PartProps {
  open: Part[];
  onOpen(open: Part[]): void;
}

/** The settings that most endpoints can leave as they are; closed, each says what is set. */
export function Sections({ open, onOpen, ...props }: SectionsProps) {
  const { form, create } = props;
  const v = form.values;
  const { dialect } = useDialectChoice(v);
  const recipe = useRecipe(v.recipe);
  const parts: { part: Part; title: string; line: string; content: ReactNode }[] = [
    { part: "narrow", title: t`Only some of these events`, line: narrowLine(v), content: <Narrow {...props} /> },
    // In a portal there is one app, whose people need not know of others.
    ...(v.apps.length > 1 || ownApps(v).length > 0
      ? [{ part: "own" as const, title: t`Different by app`, line: appsLine(v), content: <OwnTerms {...props} /> }]
      : []),
    // A recipe says itself how its requests look, and what they authenticate with.
    ...(v.recipe === "" || recipe?.signed
      ? [{ part: "look" as const, title: t`How requests look`, line: lookLine(v, dialect), content: <Look {...props} /> }]
      : []),
    { part: "auth", title: v.recipe === "" ? t`Authentication` : t`Certificates`, line: v.recipe === "" ? authLine(v) : certificatesLine(v), content: <Auth {...props} /> },
    {
      part: "capture",
      title: t`What to keep of answers`,
      line: captureLine(v),
      content: (
        <Rows
          form={form}
          field="capture"
          noun={t`value`}
          hint={t`Values that the receiver answers with, such as a PIN or an order number: a name, and where it stands in the answer's JSON (a JSON pointer). They are shown with the delivery, and sent as bellhop.delivery.captured to the endpoints of the app that listen to it.`}
          names="pin"
          values="/access/pin"
          most={20}
        />
      ),
    },
    { part: "retry", title: t`When it fails: retries`, line: retryInWords(v.retry), content: <Retries {...props} /> },
    { part: "notify", title: t`Who is told when it breaks`, line: notifyLine(v), content: <Notify {...props} /> },
    { part: "limits", title: t`Limits and order`, line: limitsLine(v, recipe), content: <Limits {...props} /> },
    {
      part: "headers",
      title: t`Headers`,
      line: headersLine(v),
      content: (
        <Rows
          form={form}
          field="headers"
          noun={t`header`}
          hint={t`Sent with each request besides those of the dialect, such as a token that your server asks for. Only those who may edit the endpoint see the values.`}
          names="Authorization"
          values="Bearer …"
          most={30}
        />
      ),
    },
    { part: "advanced", title: t`Advanced`, line: advancedLine(v, create), content: <Advanced {...props} /> },
  ];
  return (
    <Accordion multiple variant="contained" order={2} bg="var(--mantine-color-body)" bdrs="md" value={open} onChange={(value) => onOpen(value as Part[])}>
      {parts.map(({ part, title, line, content }) => (
        <Accordion.Item key={part} value={part}>
          <Accordion.Control>
            <Text fw={600} span display="block">{title}</Text>
            {!open.includes(part) && <Text size="sm" c="dimmed" span display="block" className="foreign">{line}</Text>}
          </Accordion.Control>
          {/* What is closed is not there: the preview asks the server, the editor is heavy. */}
          <Accordion.Panel>{open.includes(part) && content}</Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}
