import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Center, Loader } from "@mantine/core";
import { lazy, type ReactNode, Suspense } from "react";
import { Problem } from "../api/client.ts";
import { useSessionQuery } from "../api/queries.ts";
import { Failure } from "../parts/states.tsx";
import { inPortal } from "./portal.ts";

const SignIn = lazy(() => import("./SignIn.tsx"));
const PortalEnded = lazy(() => import("./PortalEnded.tsx"));

/** Shows the page to those who are signed in, and the way in to others. */
export function SessionGate({ children }: { children: ReactNode }) {
  const session = useSessionQuery();
  const refused = session.error instanceof Problem && session.error.status === 401;
  if (refused || location.pathname === "/sign-in") return <Suspense>{inPortal ? <PortalEnded /> : <SignIn ended={refused && session.data !== undefined} />}</Suspense>;
  if (session.data) return children;
  if (session.error) {
    return (
      <Center mih="100vh" p="md">
        <Failure error={session.error} action={<Button onClick={() => void session.refetch()}><Trans>Try again</Trans></Button>} />
      </Center>
    );
  }
  return (
    <Center mih="100vh">
      <Loader aria-label={t`Loading`} />
    </Center>
  );
}
