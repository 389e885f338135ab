import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Button, Group, Menu, Text, VisuallyHidden } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { type ComponentType, useState } from "react";
import type { Target } from "../lib/links.ts";
import { useChoices } from "../lib/choices.ts";
import { number } from "../lib/text.ts";
import { Cells, type Column, Head, opens, sorted, type Sorting, tracks } from "./table.tsx";
import classes from "./table.module.css";

/** Something that can be done with a line: a link or a function. */
export interface Action {
  label: string;
  /** Names the line, too, for who hears the button alone: "Delete key Checkout". */
  name: string;
  icon?: ComponentType<{ size?: number }>;
  danger?: boolean;
  /** A button of its own where there is room; others are in the menu. */
  first?: boolean;
  to?: Target;
  run?(): void;
}

interface ListTableProps<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey(row: T): string;
  onOpen?(row: T): void;
  /** What can be done with a line; on a phone all of it is in a menu. */
  actions?(row: T): Action[];
  /** What the menu of a line is called. */
  more?(row: T): string;
  /** The width of the actions where there is room for buttons (CSS grid track). */
  actionsWidth?: string;
  sorting?: Sorting;
  onSort?(sorting: string | undefined): void;
  /** Says how many there are: "12 apps". */
  count(n: number): string;
}

/** So many lines are shown at first, and more on demand. */
const step = 200;

/** A list that is there as a whole: apps, keys, inboxes. */
export function ListTable<T>({ label, columns: given, rows, rowKey, onOpen, actions, more = () => t`More`, actionsWidth = "160px", sorting, onSort, count }: ListTableProps<T>) {
  const { rows: density } = useChoices();
  const [most, setMost] = useState(step);
  const shown = sorted(rows, given, sorting).slice(0, most);
  const hidden = rows.length - shown.length;
  const [first, next, all] = [number(shown.length), number(Math.min(step, hidden)), count(rows.length)];
  const columns: Column<T>[] = actions
    ? [...given, { key: "actions", title: <VisuallyHidden><Trans>Actions</Trans></VisuallyHidden>, width: actionsWidth, controls: true, align: "end", cell: (row) => <Actions list={actions(row)} more={more(row)} /> }]
    : given;
  const style = tracks(columns, true) as Record<string, string>;
  if (actions) style["--narrow-columns"] = style["--narrow-columns"]!.replace(actionsWidth, "32px");
  return (
    <div className={`${classes.frame} ${classes.plain} ${density === "dense" ? classes.dense : ""}`} style={style}>
      <div className={classes.scroller} tabIndex={0} role="region" aria-label={label}>
        <div role="table" aria-label={label} className={classes.table}>
          <Head columns={columns} sorting={sorting} onSort={onSort} />
          <div role="rowgroup">
            {shown.map((row) => {
              const click = onOpen && opens(() => onOpen(row));
              return (
                <div key={rowKey(row)} role="row" className={classes.row} data-openable={onOpen ? true : undefined} onClick={click} onAuxClick={click}>
                  <Cells row={row} columns={columns} />
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <Group gap="sm" className={classes.foot}>
        <Text size="xs" c="dimmed" role="status">{hidden > 0 ? t`The first ${first} of ${all}` : all}</Text>
        {hidden > 0 && <Button size="compact-xs" variant="light" onClick={() => setMost(most + step)}><Trans>Show {next} more</Trans></Button>}
      </Group>
    </div>
  );
}

/** Buttons for what is done most, a menu for the rest; on a phone a menu of all. */
function Actions({ list, more }: { list: Action[]; more: string }) {
  if (list.length === 0) return null;
  const rest = list.filter((a) => !a.first);
  return (
    <>
      <Group gap="xs" justify="flex-end" wrap="nowrap" visibleFrom="sm">
        {list.filter((a) => a.first).map((a) => <Doing key={a.label} action={a} />)}
        {rest.length > 0 && <More list={rest} label={more} />}
      </Group>
      <Group justify="flex-end" hiddenFrom="sm"><More list={list} label={more} /></Group>
    </>
  );
}

function Doing({ action: a }: { action: Action }) {
  const look = { size: "compact-sm", variant: "subtle", color: a.danger ? "red" : undefined, leftSection: a.icon && <a.icon size={14} />, "aria-label": a.name } as const;
  return a.to ? <Button component={Link} {...a.to} {...look}>{a.label}</Button> : <Button {...look} onClick={a.run}>{a.label}</Button>;
}

function More({ list, label }: { list: Action[]; label: string }) {
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={label}><IconDots size={16} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {list.map((a) => {
          const look = { color: a.danger ? "red" : undefined, leftSection: a.icon && <a.icon size={14} /> };
          return a.to
            ? <Menu.Item key={a.label} component={Link} {...a.to} {...look}>{a.label}</Menu.Item>
            : <Menu.Item key={a.label} {...look} onClick={a.run}>{a.label}</Menu.Item>;
        })}
      </Menu.Dropdown>
    </Menu>
  );
}
