// What an endpoint listens to: a list of names and of prefixes with a trailing "*"
// in the API, a tree with checkboxes on the page. Everything here is pure.
import { plural, t } from "@lingui/core/macro";
import { andList, fits } from "../../../lib/text.ts";

/** What the picker needs of an event type of the catalogue. */
export interface CatalogueType {
  name: string;
  description?: string;
  archived: boolean;
}

export interface Leaf {
  kind: "type";
  name: string;
  description?: string;
  archived: boolean;
}

/** The types that begin with a prefix such as "invoice.". */
export interface Group {
  kind: "group";
  prefix: string;
  children: TreeNode[];
}

export type TreeNode = Leaf | Group;

/** How much of a node is chosen, and by what. */
export type Chosen =
  /** by a wildcard of its own or, for a type, by its name */
  | "own"
  /** by a wildcard further up */
  | "covered"
  /** every type of the group, one by one */
  | "each"
  | "some"
  | "none";

/** The pattern that stands for a node. */
export function patternOf(node: TreeNode): string {
  return node.kind === "type" ? node.name : `${node.prefix}*`;
}

/** Groups the types by the parts of their names; a group has two types or more. */
export function treeOf(types: CatalogueType[], prefix = ""): TreeNode[] {
  const byPart = new Map<string, CatalogueType[]>();
  const nodes: TreeNode[] = [];
  for (const type of types) {
    const rest = type.name.slice(prefix.length);
    const dot = rest.indexOf(".");
    if (dot < 0) {
      nodes.push(leaf(type));
      continue;
    }
    const part = rest.slice(0, dot + 1);
    byPart.set(part, [...(byPart.get(part) ?? []), type]);
  }
  for (const [part, members] of byPart) {
    nodes.push(members.length === 1 ? leaf(members[0]!) : { kind: "group", prefix: prefix + part, children: treeOf(members, prefix + part) });
  }
  return nodes.sort((a, b) => (patternOf(a) < patternOf(b) ? -1 : 1));
}

function leaf(t: CatalogueType): Leaf {
  return { kind: "type", name: t.name, description: t.description, archived: t.archived };
}

/** The types below nodes. */
export function leavesOf(nodes: TreeNode[]): Leaf[] {
  return nodes.flatMap((n) => (n.kind === "type" ? [n] : leavesOf(n.children)));
}

/** Tells whether every name that narrow stands for is one of wide. */
export function patternCovers(wide: string, narrow: string): boolean {
  return narrow.endsWith("*") ? wide.endsWith("*") && narrow.startsWith(wide.slice(0, -1)) : fits(wide, narrow);
}

export function chosenOf(node: TreeNode, patterns: string[]): Chosen {
  const own = patternOf(node);
  if (patterns.includes(own)) return "own";
  if (patterns.some((p) => patternCovers(p, own))) return "covered";
  if (node.kind === "type") return "none";
  const states = leavesOf([node]).map((l) => patterns.some((p) => fits(p, l.name)));
  if (states.every(Boolean)) return "each";
  return states.some(Boolean) || patterns.some((p) => patternCovers(own, p)) ? "some" : "none";
}

/** Adds a pattern; what it covers is no longer needed. */
export function add(patterns: string[], pattern: string): string[] {
  if (patterns.some((p) => patternCovers(p, pattern))) return patterns;
  return [...patterns.filter((p) => !patternCovers(pattern, p)), pattern];
}

/**
 * Takes a pattern out. A wider one that covers it gives way to everything else of
 * the catalogue that it stood for: without invoice.paid, invoice.* becomes the
 * other types and groups under it.
 */
export function remove(patterns: string[], pattern: string, tree: TreeNode[]): string[] {
  let left = patterns.filter((p) => !patternCovers(pattern, p));
  for (const wide of left.filter((p) => patternCovers(p, pattern))) {
    left = left.filter((p) => p !== wide);
    for (const p of without(tree, wide, pattern)) left = add(left, p);
  }
  return left;
}

/** The patterns of the nodes that wide covers, but for those of pattern. */
function without(nodes: TreeNode[], wide: string, pattern: string): string[] {
  return nodes.flatMap((n) => {
    const own = patternOf(n);
    if (patternCovers(pattern, own)) return [];
    const whole = patternCovers(wide, own) && own !== wide;
    if (n.kind === "type") return whole && !n.archived ? [own] : [];
    return whole && !patternCovers(own, pattern) ? [own] : without(n.children, wide, pattern);
  });
}

/** Exchanges a group's wildcard for the types that it has today. */
export function onlyToday(patterns: string[], group: Group): string[] {
  const left = patterns.filter((p) => p !== patternOf(group));
  return leavesOf([group]).filter((l) => !l.archived).reduce((all, l) => add(all, l.name), left);
}

/** The patterns that no box of the tree shows: other wildcards, and names that are not in the catalogue. */
export function strays(patterns: string[], tree: TreeNode[]): string[] {
  const known = new Set<string>();
  const walk = (nodes: TreeNode[]) => {
    for (const n of nodes) {
      known.add(patternOf(n));
      if (n.kind === "group") walk(n.children);
    }
  };
  walk(tree);
  return patterns.filter((p) => !known.has(p));
}

/** Leaves the types whose name or description has the words sought. */
export function search(nodes: TreeNode[], sought: string): TreeNode[] {
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return nodes;
  const found = (l: Leaf) => {
    const text = `${l.name} ${l.description ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  };
  return nodes.flatMap((n): TreeNode[] => {
    if (n.kind === "type") return found(n) ? [n] : [];
    const children = search(n.children, sought);
    return children.length > 0 ? [{ ...n, children }] : [];
  });
}

/** Says what is wrong with a name or pattern, as the API would; undefined if nothing is. */
export function wrongPattern(pattern: string): string | undefined {
  if (pattern === "*") return undefined;
  const name = pattern.endsWith("*") ? pattern.slice(0, -1).replace(/\.$/, "") : pattern;
  if (name === "") return t`Give a name such as invoice.paid.`;
  if (pattern.length > 128) return t`Names have at most 128 characters.`;
  if (name.includes("*")) return t`A * can only stand at the end.`;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) return t`Use only letters, digits, dots, hyphens and underscores.`;
  if (/^\.|\.$|\.\./.test(name)) return t`There is a dot too many.`;
  return undefined;
}

/** Says in words what a list of patterns stands for. */
export function inWords(patterns: string[]): string {
  if (patterns.includes("*")) return t`All events`;
  const names = patterns.filter((p) => !p.endsWith("*"));
  const prefixes = patterns.filter((p) => p.endsWith("*")).map((p) => p.slice(0, -1)).sort();
  const parts: string[] = [];
  if (names.length === 1) parts.push(names[0]!);
  if (names.length > 1) parts.push(plural(names.length, { one: "# type", other: "# types" }));
  const groups = list(prefixes.filter((p) => p.endsWith(".")).map((p) => p.slice(0, -1)));
  const beginnings = list(prefixes.filter((p) => !p.endsWith(".")));
  if (groups) parts.push(t`everything under ${groups}`);
  if (beginnings) parts.push(t`everything that begins with ${beginnings}`);
  return parts.length === 0 ? t`Nothing chosen yet` : list(parts);
}

/** "a", "a and b", "a, b, and 3 more" */
function list(parts: string[], most = 4): string {
  const left = parts.length - most + 1;
  return andList(parts.length > most ? [...parts.slice(0, most - 1), t`${left} more`] : parts);
}
