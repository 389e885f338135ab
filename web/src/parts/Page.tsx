import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { useProductName } from "../layout/Brand.tsx";
import classes from "./Page.module.css";

interface PageProps {
  title: string;
  /** Stands in the heading instead of title, which names the browser's tab. */
  heading?: ReactNode;
  description?: ReactNode;
  /** The pages above this one. */
  crumbs?: { label: string; to: string }[];
  actions?: ReactNode;
  children: ReactNode;
}

/** One page: its heading, what can be done on it, its content. */
export function Page({ title, heading, description, crumbs = [], actions, children }: PageProps) {
  const product = useProductName();
  useEffect(() => {
    document.title = `${title} · ${product}`;
  }, [title, product]);
  return (
    <Stack gap="lg">
      <Stack gap={4}>
        {crumbs.length > 0 && (
          <Breadcrumbs component="nav" aria-label="Breadcrumbs">
            {crumbs.map((c) => (
              <Anchor key={c.to} component={Link} to={c.to} size="sm" className={classes.crumb} title={c.label}>
                {c.label}
              </Anchor>
            ))}
          </Breadcrumbs>
        )}
        <Group justify="space-between" align="flex-start" gap="sm">
          <Title order={1} className="foreign" style={{ flex: "1 1 240px" }}>
            {heading ?? title}
          </Title>
          {actions && <Group gap="xs">{actions}</Group>}
        </Group>
        {description && (
          <Text c="dimmed" size="sm" maw={760} component="div">
            {description}
          </Text>
        )}
      </Stack>
      {children}
    </Stack>
  );
}
