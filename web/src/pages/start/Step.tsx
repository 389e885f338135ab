import { Box, Group, Stack, Text, ThemeIcon, Title, VisuallyHidden } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef } from "react";
import { CodeBlock } from "../../parts/Code.tsx";
import classes from "./Step.module.css";

export type StepState = "done" | "current" | "later";

interface StepProps {
  number: number;
  title: string;
  /** What the step is about, in a sentence or two. */
  intro: ReactNode;
  state: StepState;
  /** The same as calls of the API: what is shown is what the button does. */
  commands?: { title: string; code: string }[];
  /** Leaves the focus where it is when it becomes reachable. */
  quiet?: boolean;
  /** Takes the focus when it appears: the step before was finished just now. */
  reached?: boolean;
  children: ReactNode;
}

/** One step: what it is for, the button that does it, and the call behind the button. */
export function Step({ number, title, intro, state, commands = [], quiet = false, reached = false, children }: StepProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef<StepState>(reached ? "later" : state);
  useEffect(() => {
    // The step before was just finished: go on here, also for those who cannot see it.
    if (!quiet && before.current === "later" && state !== "later") {
      heading.current?.focus({ preventScroll: true });
      heading.current?.scrollIntoView?.({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    }
    before.current = state;
  }, [state, quiet]);
  return (
    <section className={classes.step} data-state={state} aria-labelledby={`step-${number}`} aria-current={state === "current" ? "step" : undefined}>
      <Group wrap="nowrap" align="flex-start" gap="md">
        <ThemeIcon size={34} radius="xl" color={state === "done" ? "teal" : state === "current" ? undefined : "gray"} variant={state === "later" ? "light" : "filled"} aria-hidden>
          {state === "done" ? <IconCheck size={20} /> : <Text span fw={700} inherit>{number}</Text>}
        </ThemeIcon>
        <Box miw={0} style={{ flex: 1 }}>
          <Title order={2} id={`step-${number}`} ref={heading} tabIndex={-1} className={classes.title} mt={4}>
            <VisuallyHidden>Step {number}: </VisuallyHidden>
            {title}
            {state === "done" && <VisuallyHidden> (done)</VisuallyHidden>}
          </Title>
          <Text size="sm" c="dimmed" mt={2} maw={640} component="div">{intro}</Text>
        </Box>
      </Group>
      {state !== "later" && (
        <div className={classes.sides} data-alone={commands.length === 0 || undefined}>
          <Stack gap="md" miw={0}>{children}</Stack>
          {commands.length > 0 && (
            <Stack gap="xs" miw={0}>
              {commands.map((c) => <CodeBlock key={c.title} title={c.title} code={c.code} wrap maxHeight={260} />)}
            </Stack>
          )}
        </div>
      )}
    </section>
  );
}
