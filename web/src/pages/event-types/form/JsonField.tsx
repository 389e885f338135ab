import { Button, Group, Input, Skeleton } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useId } from "react";
import { pretty } from "../../../lib/json.ts";

const JsonEditor = lazy(() => import("../../../parts/JsonEditor.tsx"));

interface JsonFieldProps {
  label: string;
  description: ReactNode;
  error?: ReactNode;
  value: string;
  onChange(text: string): void;
  /** More buttons beneath. */
  children?: ReactNode;
}

/** A field of a form that holds JSON. */
export function JsonField({ label, description, error, value, onChange, children }: JsonFieldProps) {
  const id = useId();
  const tidy = pretty(value);
  return (
    <Input.Wrapper
      label={label}
      labelElement="div"
      description={description}
      descriptionProps={{ id: `${id}-hint` }}
      error={error}
      errorProps={{ id: `${id}-error`, role: "alert", style: { whiteSpace: "pre-line" } }}
      inputWrapperOrder={["label", "description", "input", "error"]}
    >
      <div style={{ marginBlock: 6 }}>
        <Suspense fallback={<Skeleton h={114} />}>
          <JsonEditor value={value} onChange={onChange} label={label} describedBy={`${id}-hint${error ? ` ${id}-error` : ""}`} invalid={Boolean(error)} />
        </Suspense>
        <Group gap="xs" mt={4} justify="flex-end">
          {children}
          <Button size="compact-xs" variant="subtle" disabled={tidy === value} onClick={() => onChange(tidy)} aria-label={`Indent the ${label.toLowerCase()}`}>Indent</Button>
        </Group>
      </div>
    </Input.Wrapper>
  );
}
