import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { MantineProvider, localStorageColorSchemeManager } from "@mantine/core";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Suspense, useMemo } from "react";
import { Problem } from "./api/client.ts";
import { sessionKey, useBranding } from "./api/queries.ts";
import { optional } from "./lib/optional.ts";
import { usePainted } from "./lib/usePainted.ts";
import { Boundary } from "./parts/Boundary.tsx";
import { ConfirmProvider } from "./parts/confirm.tsx";
import { router } from "./router.tsx";
import { SessionGate } from "./session/SessionGate.tsx";
import { inPortal } from "./session/portal.ts";
import { readableColors, themeFor } from "./theme.ts";

const Notices = optional(() => import("./parts/Notices.tsx"));

/** Where the session has ended: asks again who this is, which shows the way back in. */
function checkSession(error: Error): void {
  if (error instanceof Problem && error.status === 401) void queries.invalidateQueries({ queryKey: sessionKey });
}

const queries = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey[0] !== sessionKey[0]) checkSession(error);
    },
  }),
  mutationCache: new MutationCache({ onError: checkSession }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && error instanceof Problem && (error.status === 0 || error.status >= 502),
    },
  },
});

const colorScheme = localStorageColorSchemeManager({ key: "bellhop-theme" });

export function Root() {
  return (
    <I18nProvider i18n={i18n}>
      <QueryClientProvider client={queries}>
        <Themed />
      </QueryClientProvider>
    </I18nProvider>
  );
}

function Themed() {
  const branding = useBranding(inPortal);
  const color = inPortal ? branding.data?.color : undefined;
  const theme = useMemo(() => themeFor(color), [color]);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={readableColors} defaultColorScheme="auto" colorSchemeManager={colorScheme}>
      <Boundary>
        <ConfirmProvider>
          <SessionGate>
            <RouterProvider router={router} />
            <Later />
          </SessionGate>
        </ConfirmProvider>
      </Boundary>
    </MantineProvider>
  );
}

/** What nobody sees at first. */
function Later() {
  return (
    usePainted() && (
      <Suspense>
        <Notices />
      </Suspense>
    )
  );
}
