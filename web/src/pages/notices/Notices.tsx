import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { IconBellRinging } from "@tabler/icons-react";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { AppName } from "../../parts/AppName.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty } from "../../parts/states.tsx";
import { NoticesForm } from "./NoticesForm.tsx";

/** Whom to tell of what is broken: in one app, as the page is limited to one, or in all. */
export function Notices() {
  const { portal, apps, mayEdit, operator } = useSession();
  const filter = useAppFilter();
  const app = portal ? apps[0] : (filter || (operator ? undefined : apps.length === 1 ? apps[0] : undefined));
  const title = t`Notices`;
  if (!mayEdit) return <Page title={title}><Empty title={t`Only those who may change endpoints set who is told`} icon={IconBellRinging}><Trans>Ask for a link or a key with the role editor.</Trans></Empty></Page>;
  if (app === undefined && !operator) return <Page title={title}><Empty title={t`Choose an app`} icon={IconBellRinging}><Trans>Each app has people of its own who are told. Choose one at the top.</Trans></Empty></Page>;
  return (
    <Page
      title={title}
      description={portal
        ? <Trans>Who is told when endpoints break, and when they work again. Those who look after a single endpoint stand in its settings.</Trans>
        : app === undefined
          ? "The operators, who are told of every app and of the installation: endpoints that break, its backlog, its database and disk. Choose an app at the top for its own people."
          : <Trans>The people of <AppName id={app} />, who are told when its endpoints break, and when they work again. Those who look after a single endpoint stand in its settings.</Trans>}
    >
      <NoticesForm app={app} />
    </Page>
  );
}
