// What all lists are made of: columns, lines, their selection and what can be done with one.
import { t } from "@lingui/core/macro";
import { Checkbox, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconArrowDown, IconArrowsSort, IconArrowUp } from "@tabler/icons-react";
import type { CSSProperties, MouseEvent, ReactNode } from "react";
import { forLocale } from "../language/language.ts";
import classes from "./table.module.css";

/** One column: what stands in it, and how wide it is (CSS grid track). */
export interface Column<T> {
  key: string;
  title: ReactNode;
  width: string;
  /** Left out on narrow screens. */
  wide?: boolean;
  /** On narrow screens of a ListTable, below the line; title is a text then. */
  below?: boolean;
  align?: "end";
  /** Holds buttons or the like. */
  controls?: boolean;
  /** By what a list can be sorted; those of equal value keep their order. */
  sort?(row: T): string | number;
  cell(row: T): ReactNode;
}

/** How a list is sorted; undefined: as it comes. */
export interface Sorting {
  by: string;
  descending: boolean;
}

/** Which lines are chosen, to do something with all of them. */
export interface Selection<T> {
  chosen: ReadonlySet<string>;
  set(chosen: ReadonlySet<string>): void;
  /** What a line is called: "Choose Bookkeeping". */
  label(row: T): string;
}

const byText = forLocale((l) => new Intl.Collator(l, { numeric: true, sensitivity: "base" }));

/** The lines in the order asked for. */
export function sorted<T>(rows: T[], columns: Column<T>[], sorting: Sorting | undefined): T[] {
  const value = columns.find((c) => c.key === sorting?.by)?.sort;
  if (!value || !sorting) return rows;
  const sign = sorting.descending ? -1 : 1;
  const order = (a: string | number, b: string | number) => (typeof a === "number" && typeof b === "number" ? a - b : byText().compare(String(a), String(b)));
  return rows.map((row) => [value(row), row] as const).sort(([a], [b]) => sign * order(a, b)).map(([, row]) => row);
}

/** Reads "name" or "-name", as an address holds it. */
export function sortingFrom(text: string | undefined): Sorting | undefined {
  if (!text) return undefined;
  return text.startsWith("-") ? { by: text.slice(1), descending: true } : { by: text, descending: false };
}

/** The next one when a title is pressed: up, down, as it comes. */
export function nextSorting(sorting: Sorting | undefined, by: string): string | undefined {
  if (sorting?.by !== by) return by;
  return sorting.descending ? undefined : `-${by}`;
}

function chooseLabel(name: string): string {
  return t({ message: `Choose ${name}`, comment: "the box before a line of a list" });
}

/** The columns with a box to choose a line before them, where lines can be chosen. */
export function withSelection<T>(columns: Column<T>[], rowKey: (row: T) => string, rows: T[], selection: Selection<T> | undefined): Column<T>[] {
  if (!selection) return columns;
  const { chosen, set, label } = selection;
  const here = rows.filter((r) => chosen.has(rowKey(r))).length;
  const toggle = (key: string) => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    set(next);
  };
  const box: Column<T> = {
    key: "chosen",
    controls: true,
    width: "20px",
    title: (
      <Checkbox
        size="xs"
        aria-label={t`Choose all that are loaded`}
        checked={here > 0 && here === rows.length}
        indeterminate={here > 0 && here < rows.length}
        onChange={() => set(here === rows.length ? new Set() : new Set(rows.map(rowKey)))}
      />
    ),
    cell: (r) => <Checkbox size="xs" aria-label={chooseLabel(label(r))} checked={chosen.has(rowKey(r))} onChange={() => toggle(rowKey(r))} />,
  };
  return [box, ...columns];
}

/** The tracks of the columns, on wide and on narrow screens. */
export function tracks<T>(columns: Column<T>[], below = false): CSSProperties {
  return {
    "--columns": columns.map((c) => c.width).join(" "),
    "--narrow-columns": columns.filter((c) => !c.wide && !(below && c.below)).map((c) => c.width).join(" "),
  } as CSSProperties;
}

const attributes = <T,>(c: Column<T>) => ({
  className: classes.cell,
  "data-wide": c.wide || undefined,
  "data-below": c.below || undefined,
  "data-align": c.align,
  "data-controls": c.controls || undefined,
  "data-title": c.below && typeof c.title === "string" ? c.title : undefined,
});

export function Head<T>({ columns, sorting, onSort }: { columns: Column<T>[]; sorting?: Sorting; onSort?: (sorting: string | undefined) => void }) {
  return (
    <div role="rowgroup" className={classes.head}>
      <div role="row" className={classes.row}>
        {columns.map((c) => {
          const way = sorting?.by === c.key ? (sorting.descending ? "descending" : "ascending") : undefined;
          const Icon = way === "ascending" ? IconArrowUp : way ? IconArrowDown : IconArrowsSort;
          return (
            <div key={c.key} role="columnheader" aria-sort={c.sort && onSort ? way ?? "none" : undefined} {...attributes(c)}>
              {c.sort && onSort ? (
                <UnstyledButton className={classes.sort} onClick={() => onSort(nextSorting(sorting, c.key))}>
                  {c.title}
                  <Icon size={12} aria-hidden opacity={way ? 1 : 0.6} style={{ flexShrink: 0 }} />
                  <VisuallyHidden>, {t({ message: "sort", context: "verb" })}</VisuallyHidden>
                </UnstyledButton>
              ) : c.title}
            </div>
          );
        })}
      </div>
    </div>
  );
}

export function Cells<T>({ row, columns }: { row: T; columns: Column<T>[] }) {
  return (
    <>
      {columns.map((c) => (
        <div key={c.key} role="cell" {...attributes(c)}>
          {c.cell(row)}
        </div>
      ))}
    </>
  );
}

/**
 * What a click on a line does. Links, buttons and boxes inside of it do what they say,
 * text can be marked, and with Ctrl or the middle button the line's first link is opened
 * beside this page, as links are.
 */
export function opens(open: () => void) {
  return (e: MouseEvent) => {
    const [target, line] = [e.target as Element, e.currentTarget];
    // A menu of the line stands elsewhere in the page.
    if (!line.contains(target) || target.closest("a,button,input,label")) return;
    if (e.type === "auxclick" && e.button !== 1) return;
    const marked = getSelection();
    if (marked && !marked.isCollapsed && marked.containsNode(line, true)) return;
    const link = line.querySelector<HTMLAnchorElement>("a[href]");
    if (link && (e.ctrlKey || e.metaKey || e.type === "auxclick")) window.open(link.href, "_blank", "noopener");
    else if (e.type === "click") open();
  };
}
