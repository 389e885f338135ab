import { Group, Image, Text } from "@mantine/core";
import { useBranding } from "../api/queries.ts";
import { inPortal } from "../session/portal.ts";

/** What this is called: a portal bears the operator's name. */
export function useProductName(): string {
  const branding = useBranding(inPortal);
  return inPortal ? branding.data?.name || "Webhooks" : "Bellhop";
}

/** The name and the sign: the operator's in a portal, ours elsewhere. */
export function Brand() {
  const branding = useBranding(inPortal);
  const name = useProductName();
  if (!inPortal) {
    return (
      <Group gap="xs" wrap="nowrap">
        <Image src="/favicon.svg" alt="" w={28} h={28} miw={28} />
        {/* A phone has room for the sign only. */}
        <Text fw={700} size="lg" component="span" visibleFrom="xs">
          {name}
        </Text>
      </Group>
    );
  }
  return branding.data?.logo ? (
    <Image src={branding.data.logo} alt={name} h={32} w="auto" maw={180} fit="contain" />
  ) : (
    <Text fw={700} size="lg" component="span">
      {name}
    </Text>
  );
}
