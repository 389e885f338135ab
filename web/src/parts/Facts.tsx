import { SimpleGrid, type SimpleGridProps, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** What is known of a thing, field by field. */
export function Facts({ cols, children }: { cols: SimpleGridProps["cols"]; children: ReactNode }) {
  return <SimpleGrid component="dl" cols={cols} spacing="md" verticalSpacing="sm" m={0}>{children}</SimpleGrid>;
}

export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="xs" c="dimmed">{label}</Text>
      <Text component="dd" size="sm" m={0}>{children}</Text>
    </div>
  );
}
