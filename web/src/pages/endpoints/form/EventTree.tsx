import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Badge, Button, Checkbox, Text } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { number } from "../../../lib/text.ts";
import { add, chosenOf, type Group, type Leaf, leavesOf, onlyToday, patternOf, remove, type TreeNode } from "./events.ts";
import classes from "./EventPicker.module.css";

interface TreeProps {
  nodes: TreeNode[];
  /** The whole catalogue, which a search has cut down to nodes. */
  whole: TreeNode[];
  patterns: string[];
  onChange(patterns: string[]): void;
  /** Whether groups are open unless they were closed by hand. */
  open: boolean;
}

/** The catalogue as nested lists of checkboxes. */
export function EventTree(props: TreeProps) {
  return (
    <div className={classes.tree} tabIndex={0} role="region" aria-label={t`Catalogue`}>
      <Branch {...props} />
    </div>
  );
}

function Branch({ nodes, ...rest }: TreeProps) {
  return (
    <ul className={classes.list}>
      {nodes.map((n) => (
        <li key={patternOf(n)}>{n.kind === "group" ? <GroupItem group={n} {...rest} /> : <TypeItem type={n} {...rest} />}</li>
      ))}
    </ul>
  );
}

type ItemProps = Omit<TreeProps, "nodes">;

function TypeItem({ type, whole, patterns, onChange }: ItemProps & { type: Leaf }) {
  const chosen = chosenOf(type, patterns) !== "none";
  return (
    <div className={classes.item}>
      <span className={classes.spacer} />
      <Checkbox
        className={classes.check}
        checked={chosen}
        onChange={() => onChange(chosen ? remove(patterns, type.name, whole) : add(patterns, type.name))}
        label={<span className="foreign">{type.name}{type.archived && <Badge ml="xs" size="xs" variant="default" tt="none"><Trans>archived</Trans></Badge>}</span>}
        description={<span className="foreign">{type.archived ? t`No longer published. ` : ""}{type.description}</span>}
      />
    </div>
  );
}

function GroupItem({ group, open, ...rest }: ItemProps & { group: Group }) {
  const { whole, patterns, onChange } = rest;
  const [toggled, setToggled] = useState<boolean>();
  const shown = toggled ?? open;
  const state = chosenOf(group, patterns);
  const all = state === "own" || state === "covered";
  const own = patternOf(group);
  const count = number(leavesOf([group]).length);
  const words = { own: t`all, also those to come`, covered: "", each: t`the ${count} of today, one by one`, some: t`some`, none: "" }[state];
  // In a search, group has only what was found: the choice is about the whole group.
  const entire = find(whole, group.prefix) ?? group;
  return (
    <>
      <div className={classes.item}>
        <ActionIcon variant="subtle" color="gray" size={22} onClick={() => setToggled(!shown)} aria-expanded={shown} aria-label={t`Types under ${group.prefix}`}>
          {shown ? <IconChevronDown size={15} /> : <IconChevronRight size={15} />}
        </ActionIcon>
        <Checkbox
          className={classes.check}
          checked={all}
          indeterminate={state === "some" || state === "each"}
          onChange={() => onChange(all ? remove(patterns, own, whole) : add(patterns, own))}
          label={<span className="foreign"><Trans>All {own} events</Trans> <Text span size="sm" c="dimmed">· {count}{words && `, ${words}`}</Text></span>}
        />
        {state === "own" && <Button size="compact-xs" variant="subtle" onClick={() => onChange(onlyToday(patterns, entire))}><Trans>Only those of today</Trans></Button>}
      </div>
      {shown && <Branch nodes={group.children} open={open} {...rest} />}
    </>
  );
}

function find(nodes: TreeNode[], prefix: string): Group | undefined {
  for (const n of nodes) {
    if (n.kind !== "group" || !prefix.startsWith(n.prefix)) continue;
    return n.prefix === prefix ? n : find(n.children, prefix);
  }
  return undefined;
}
