import { describe, expect, it } from "vitest";
import { add, chosenOf, type Group, inWords, leavesOf, onlyToday, patternCovers, remove, search, strays, treeOf, wrongPattern } from "./events.ts";

const type = (name: string, archived = false, description?: string) => ({ name, archived, description });
const types = [
  type("ping"),
  type("invoice"),
  type("invoice.created"),
  type("invoice.paid", false, "The customer paid in full."),
  type("invoice.payment.failed"),
  type("invoice.payment.retried"),
  type("invoice.old", true),
  type("user.signed_up"),
];
const tree = treeOf(types);
const group = (prefix: string, nodes = tree): Group => {
  for (const n of nodes) {
    if (n.kind !== "group") continue;
    if (n.prefix === prefix) return n;
    if (prefix.startsWith(n.prefix)) return group(prefix, n.children);
  }
  throw new Error(prefix);
};

describe("the tree", () => {
  it("groups by parts of names, from two types on", () => {
    expect(tree.map((n) => (n.kind === "group" ? n.prefix : n.name))).toEqual(["invoice", "invoice.", "ping", "user.signed_up"]);
    expect(group("invoice.").children.map((n) => (n.kind === "group" ? n.prefix : n.name))).toEqual(["invoice.created", "invoice.old", "invoice.paid", "invoice.payment."]);
    expect(leavesOf(tree)).toHaveLength(types.length);
  });

  it("is searched by name and description", () => {
    expect(leavesOf(search(tree, "paid full")).map((l) => l.name)).toEqual(["invoice.paid"]);
    expect(leavesOf(search(tree, "PAYMENT")).map((l) => l.name)).toEqual(["invoice.payment.failed", "invoice.payment.retried"]);
    expect(search(tree, "nothing")).toEqual([]);
    expect(search(tree, " ")).toBe(tree);
  });
});

describe("the selection", () => {
  it("knows what covers what", () => {
    expect(patternCovers("invoice.*", "invoice.payment.*")).toBe(true);
    expect(patternCovers("invoice.payment.*", "invoice.*")).toBe(false);
    expect(patternCovers("invoice.*", "invoice")).toBe(false);
    expect(patternCovers("*", "a*")).toBe(true);
    expect(patternCovers("invoice.paid", "invoice.paid")).toBe(true);
  });

  it("adds without repeating", () => {
    expect(add(["invoice.paid", "ping"], "invoice.*")).toEqual(["ping", "invoice.*"]);
    expect(add(["invoice.*"], "invoice.paid")).toEqual(["invoice.*"]);
  });

  it("shows how much of a node is chosen", () => {
    const invoice = group("invoice.");
    expect(chosenOf(invoice, [])).toBe("none");
    expect(chosenOf(invoice, ["invoice.paid"])).toBe("some");
    expect(chosenOf(invoice, ["invoice.new_one"])).toBe("some");
    expect(chosenOf(invoice, ["invoice.*"])).toBe("own");
    expect(chosenOf(group("invoice.payment."), ["invoice.*"])).toBe("covered");
    expect(chosenOf(group("invoice.payment."), ["invoice.payment.failed", "invoice.payment.retried"])).toBe("each");
    expect(chosenOf(leavesOf(tree)[0]!, ["invoice.*"])).toBe("none");
  });

  it("takes one type out of a wildcard", () => {
    expect(remove(["invoice.*", "ping"], "invoice.paid", tree)).toEqual(["ping", "invoice.created", "invoice.payment.*"]);
    expect(remove(["invoice.*"], "invoice.payment.failed", tree)).toEqual(["invoice.created", "invoice.paid", "invoice.payment.retried"]);
    expect(remove(["invoice.*"], "invoice.payment.*", tree)).toEqual(["invoice.created", "invoice.paid"]);
    expect(remove(["invoice.pa*"], "invoice.paid", tree)).toEqual(["invoice.payment.*"]);
    expect(remove(["*"], "ping", tree)).toEqual(["invoice", "invoice.*", "user.signed_up"]);
  });

  it("takes out a group with what is in it", () => {
    expect(remove(["invoice.paid", "invoice.payment.*", "ping"], "invoice.*", tree)).toEqual(["ping"]);
    expect(remove(["ping"], "ping", tree)).toEqual([]);
  });

  it("exchanges a wildcard for what there is today", () => {
    expect(onlyToday(["invoice.payment.*", "ping"], group("invoice.payment."))).toEqual(["ping", "invoice.payment.failed", "invoice.payment.retried"]);
    expect(onlyToday(["invoice.*"], group("invoice."))).not.toContain("invoice.old");
  });

  it("keeps what no box shows", () => {
    expect(strays(["invoice.*", "ping", "invoice.p*", "unknown"], tree)).toEqual(["invoice.p*", "unknown"]);
  });
});

describe("patterns as text", () => {
  it("are checked as the API does", () => {
    for (const good of ["*", "invoice.*", "invoice.p*", "a", "A-b_c.9"]) expect(wrongPattern(good), good).toBeUndefined();
    for (const bad of ["", "a b", "*x", "a..b", ".a", "a.", "é", ".*", "x".repeat(129)]) expect(wrongPattern(bad), bad).toBeDefined();
  });

  it("are said in words", () => {
    expect(inWords([])).toBe("Nothing chosen yet");
    expect(inWords(["*"])).toBe("All events");
    expect(inWords(["ping"])).toBe("ping");
    expect(inWords(["a", "b", "c", "ticket.*"])).toBe("3 types and everything under ticket");
    expect(inWords(["ticket.*", "invoice.*", "x*"])).toBe("everything under invoice and ticket and everything that begins with x");
    expect(inWords(["a.*", "b.*", "c.*", "d.*", "e.*"])).toBe("everything under a, b, c, and 2 more");
  });
});
