import { describe, expect, it } from "vitest";
import type { Attempt } from "../../api/client.ts";
import { emptyTail, lose, mostLive, release, take } from "./tail.ts";

const attempt = (n: number) => ({ id: `att_${String(n).padStart(13, "0")}` }) as Attempt;
const some = (from: number, count: number) => Array.from({ length: count }, (_, i) => attempt(from + i));
const ids = (list: Attempt[]) => list.map((a) => `att_${Number(a.id.slice(4))}`);

describe("the live tail", () => {
  it("shows the newest on top, each once", () => {
    let t = take(emptyTail, some(1, 2), false);
    t = take(t, [attempt(2), attempt(3), attempt(3)], false);
    expect(ids(t.shown)).toEqual(["att_3", "att_2", "att_1"]);
    expect(take(t, [attempt(1)], false)).toBe(t);
  });

  it("lets what arrives wait while paused, and shows it after", () => {
    let t = take(emptyTail, some(1, 1), false);
    t = take(t, some(2, 2), true);
    t = take(t, [attempt(1), attempt(4)], true);
    expect(ids(t.shown)).toEqual(["att_1"]);
    expect(ids(t.waiting)).toEqual(["att_4", "att_3", "att_2"]);
    expect(t.arrived).toBe(3);
    t = release(t);
    expect(ids(t.shown)).toEqual(["att_4", "att_3", "att_2", "att_1"]);
    expect(t).toMatchObject({ waiting: [], arrived: 0, left: 0 });
    expect(release(t)).toBe(t);
  });

  it("keeps a thousand, and says how many went", () => {
    let t = take(emptyTail, some(0, mostLive + 5), false);
    expect(t.shown).toHaveLength(mostLive);
    expect(ids(t.shown)[0]).toBe(`att_${mostLive + 4}`);
    expect(t.left).toBe(5);
    t = take(t, some(5000, mostLive + 7), true);
    expect(t.waiting).toHaveLength(mostLive);
    expect(t.arrived).toBe(mostLive + 7);
    t = release(t);
    expect(t.shown).toHaveLength(mostLive);
    expect(t.left).toBe(5 + 7 + mostLive);
  });

  it("stands as in the log: by when attempts began, though slow ones arrive late", () => {
    const t = take(take(emptyTail, [attempt(3)], false), [attempt(5), attempt(1)], false);
    expect(ids(t.shown)).toEqual(["att_5", "att_3", "att_1"]);
  });

  it("counts what the server left out", () => {
    expect(lose(lose(emptyTail, 3), 4).left).toBe(7);
  });
});
