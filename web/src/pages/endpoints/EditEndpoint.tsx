import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, exactEndpoint, type ExactEndpoint, okText, type Schemas } from "../../api/client.ts";
import { endpointQuery, endpointsChanged, useEndpoint, useRecipes, useSession } from "../../api/queries.ts";
import type { Recipe } from "../../lib/recipes.ts";
import { exactly } from "../../lib/exact.ts";
import { nameOf } from "../../parts/EndpointName.tsx";
import { done } from "../../parts/notify.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { heldFrom, Locked } from "./Locked.tsx";
import { Changes } from "./form/Changes.tsx";
import { EndpointForm } from "./form/EndpointForm.tsx";
import type { Part } from "./form/form.ts";
import { changes } from "./form/summaries.ts";
import { patchInput, valuesOf } from "./form/values.ts";

/** Changes an endpoint. */
export function EditEndpoint() {
  const { id } = useParams({ from: "/endpoints/$id/edit" });
  const session = useSession();
  const endpoint = useEndpoint(id);
  const recipes = useRecipes();
  const title = endpoint.data ? `Edit ${nameOf(endpoint.data)}` : "Edit endpoint";
  const crumbs = [{ label: t`Endpoints`, to: "/endpoints" }, { label: endpoint.data ? nameOf(endpoint.data) : id, to: `/endpoints/${id}` }];
  return (
    <Page title={title} crumbs={crumbs}>
      {!session.mayEdit ? (
        <Empty title={t`You can look, but not change`} action={<Button component={Link} to={`/endpoints/${id}`}><Trans>To the endpoint</Trans></Button>}>
          {session.portal
            ? <Trans>This link cannot change endpoints. Ask an administrator for one that can.</Trans>
            : <Trans>Your key cannot change endpoints. Ask an administrator for one that can.</Trans>}
        </Empty>
      ) : endpoint.data && heldFrom(session, endpoint.data) ? (
        <Locked endpoint={endpoint.data} action={<Button component={Link} to={`/endpoints/${id}`} variant="default" size="xs"><Trans>To the endpoint</Trans></Button>} />
      ) : endpoint.data && (endpoint.data.recipe === undefined || recipes.data) ? (
        <Edit key={id} loaded={endpoint.data} recipe={recipes.data?.find((r) => r.name === endpoint.data.recipe)} />
      ) : (
        <Waiting query={endpoint.data ? recipes : endpoint} lines={8} />
      )}
    </Page>
  );
}

function Edit({ loaded, recipe }: { loaded: ExactEndpoint; recipe: Recipe | undefined }) {
  // What is saved is the difference to what the viewer began with, so that another's
  // change of another setting meanwhile stays.
  const [initial] = useState(() => valuesOf(loaded, recipe));
  const { part } = useSearch({ from: "/endpoints/$id/edit" });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const back = () => navigate({ to: "/endpoints/$id", params: { id: loaded.id } });
  return (
    <EndpointForm
      create={false}
      openAtFirst={part as Part | undefined}
      initial={initial}
      onCancel={() => void back()}
      foot={(values) => <Changes list={changes(initial, values)} />}
      save={async (values) => {
        const text = await okText(api.PATCH("/v1/endpoints/{id}", { params: { path: { id: loaded.id } }, ...exactly(patchInput(initial, values)), parseAs: "text" }));
        const { recent, ...saved } = exactEndpoint(text) as ExactEndpoint & Pick<Schemas["SavedEndpoint"], "recent">;
        queries.setQueryData(endpointQuery(loaded.id).queryKey, saved);
        endpointsChanged(queries, loaded.id);
        if (recent && recent.events > 0 && recent.matched === 0) done(t`Endpoint saved`, plural(recent.events, { one: "The one event that there is would not have been sent to it: check its event types, subjects and filter.", other: "None of the # newest events would have been sent to it: check its event types, subjects and filter." }));
        else done(t`Endpoint saved`);
        await back();
      }}
    />
  );
}
