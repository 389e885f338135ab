import { t } from "@lingui/core/macro";
import { Group, Paper, Text, ThemeIcon } from "@mantine/core";
import { IconAlertTriangle, IconBolt, IconCircleCheck, IconHelpCircle, IconPlayerPause } from "@tabler/icons-react";
import type { ComponentType, ReactNode } from "react";
import type { Finding } from "../lib/finding.ts";
import classes from "./FailurePanel.module.css";
import { Sentence } from "./Sentence.tsx";

const looks: Record<Finding["tone"], { color: string; icon: ComponentType<{ size?: number; stroke?: number }> }> = {
  good: { color: "teal", icon: IconCircleCheck },
  idle: { color: "gray", icon: IconHelpCircle },
  wait: { color: "yellow", icon: IconPlayerPause },
  warn: { color: "orange", icon: IconAlertTriangle },
  bad: { color: "red", icon: IconBolt },
};

interface FailurePanelProps {
  finding: Finding;
  /** Names the panel as a region; without it, it is part of another. */
  label?: string;
  /** Whether a change of what happened is read out. */
  live?: boolean;
  /** The buttons. */
  children?: ReactNode;
  /** What else is known, below the title. */
  more?: ReactNode;
}

/**
 * Answers what people ask of a failure, in the same order everywhere: what happened,
 * why, what happens next, and what they can do now.
 */
export function FailurePanel({ finding, label, live = false, children, more }: FailurePanelProps) {
  const { color, icon: Icon } = looks[finding.tone];
  return (
    <Paper withBorder p="md" className={classes.panel} data-tone={finding.tone} {...(label ? { component: "section", "aria-label": label } : {})}>
      <div className={classes.head}>
        <ThemeIcon variant="light" color={color} size={34} radius="xl" aria-hidden style={{ flexShrink: 0 }}><Icon size={20} stroke={1.7} /></ThemeIcon>
        {/* Only what happened is announced: a countdown read out every second helps nobody. */}
        <Text fw={650} className="foreign" {...(live ? { role: "status" } : {})}>{finding.what}</Text>
      </div>
      {more}
      <Answers finding={finding}>{children}</Answers>
    </Paper>
  );
}

/** The answers alone, for a list whose lines say themselves what happened. */
export function Answers({ finding, children }: { finding: Finding; children?: ReactNode }) {
  return (
    <dl className={classes.answers}>
      {finding.why && <Answer question={t`Why`}><Sentence text={finding.why} /></Answer>}
      {finding.next && <Answer question={t`What happens next`}><Sentence text={finding.next} /></Answer>}
      {(finding.now || children) && (
        <Answer question={t`What you can do now`}>
          {finding.now && <Sentence text={finding.now} />}
          {children && <Group gap="xs" mt={finding.now ? 8 : 0}>{children}</Group>}
        </Answer>
      )}
    </dl>
  );
}

function Answer({ question, children }: { question: string; children: ReactNode }) {
  return (
    <div>
      <dt>{question}</dt>
      <dd>{children}</dd>
    </div>
  );
}
