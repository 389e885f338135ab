import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Inbox, ok, type Schemas } from "../../api/client.ts";
import { endpointsChanged, useApps, useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { exactly } from "../../lib/exact.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { Created } from "./form/Created.tsx";
import { EndpointForm } from "./form/EndpointForm.tsx";
import { createInput, newValues } from "./form/values.ts";

/** Makes an endpoint; then, on the same page, its secret and the first test. */
export function NewEndpoint() {
  const session = useSession();
  const apps = useApps();
  const app = useAppFilter();
  const { url } = useSearch({ from: "/endpoints/new" });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [made, setMade] = useState<{ endpoint: Schemas["NewEndpoint"]; inbox: Inbox | undefined }>();

  if (made) return <Created {...made} />;
  const page = { title: t`New endpoint`, crumbs: [{ label: t`Endpoints`, to: "/endpoints" }] };
  if (!session.mayEdit) {
    return (
      <Page {...page}>
        <Empty title={t`You can look, but not change`} action={<Button component={Link} to="/endpoints"><Trans>To the endpoints</Trans></Button>}>
          {session.portal
            ? <Trans>This link cannot create endpoints. Ask an administrator for one that can.</Trans>
            : <Trans>Your key cannot create endpoints. Ask an administrator for one that can.</Trans>}
        </Empty>
      </Page>
    );
  }
  // Which app is chosen at first depends on which there are.
  const only = apps.data?.length === 1 ? apps.data[0]!.id : undefined;
  const first = app ?? only;
  return (
    <Page {...page} description={t`An endpoint is where events are sent: your own server, or a service that people use. The address is all that it takes as a rule; everything else has good defaults.`}>
      {!session.portal && !apps.data ? (
        <Waiting query={apps} lines={6} />
      ) : (
        <EndpointForm
          create
          initial={newValues(first ? [first] : [], url)}
          onCancel={() => void navigate({ to: "/endpoints" })}
          save={async (values, inbox) => {
            const endpoint = await ok(api.POST("/v1/endpoints", exactly(createInput(values))));
            endpointsChanged(queries);
            setMade({ endpoint, inbox });
          }}
        />
      )}
    </Page>
  );
}
