import { Button, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../../api/client.ts";
import { useApps } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { CodeBlock } from "../../parts/Code.tsx";
import { Failure, Waiting } from "../../parts/states.tsx";

/** The very request that an endpoint with this dialect would be sent. */
export function Example({ dialect }: { dialect: string }) {
  const filter = useAppFilter();
  const apps = useApps();
  const app = filter ?? apps.data?.[0]?.id;
  const preview = useQuery({
    queryKey: ["dialect", dialect, "example", app],
    queryFn: () => ok(api.POST("/v1/endpoints/preview", { body: { endpoint: { apps: [app!], url: "https://example.com/hooks", dialect } } })),
    staleTime: 60_000,
    enabled: app !== undefined,
  });
  if (apps.data && !app) return <Text size="sm" c="dimmed">Create an app first: the example shows a request for one.</Text>;
  if (preview.error) return <Failure error={preview.error} action={<Button size="xs" onClick={() => void preview.refetch()}>Try again</Button>} />;
  if (!preview.data) return <Waiting query={preview} lines={4} />;
  const p = preview.data;
  const path = p.url.replace(/^https?:\/\/[^/]+/, "") || "/";
  const text = [`${p.method} ${path} HTTP/1.1`, ...(p.headers ?? []).map((h) => `${h.name}: ${h.value}`), "", p.body].join("\n");
  return (
    <Stack gap="xs">
      <CodeBlock code={text} title="Request" wrap maxHeight={340} />
      {p.secret && (
        <>
          <Text size="sm" c="dimmed">It is signed with this sample secret, so that you can recompute the signature:</Text>
          <CodeBlock code={p.secret} title="Sample secret" wrap />
        </>
      )}
    </Stack>
  );
}
