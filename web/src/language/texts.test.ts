// @vitest-environment node
import { getCatalogs } from "@lingui/cli/api";
import { getConfig } from "@lingui/conf";
import { parse, type Token } from "@messageformat/parser";
import { describe, expect, it } from "vitest";

const config = getConfig();
const [catalog] = await getCatalogs(config);
const said = Object.entries((await catalog!.collect()) ?? {});
// Pages for who runs Bellhop may have texts that are English only; what the people of an app see may not.
const operators = /^src\/pages\/(apps|audit|dialects|event-types\/form|inboxes|keys|nodes|outbox|overview|settings|start)\//;
const ofPortal = new Set(said.filter(([, text]) => text.origin?.some(([file]) => !operators.test(file))).map(([id]) => id));
const english = new Map(said.map(([id, text]) => [id, text.message ?? id]));

/** The values, choices and elements of a text, by which the page fills it in. */
function parts(text: string): string[] {
  const names = new Set<string>();
  const walk = (tokens: Token[]): void => {
    for (const token of tokens) {
      if ("arg" in token) names.add(token.arg);
      if ("cases" in token) token.cases.forEach((c) => walk(c.tokens));
      if (token.type === "content") for (const [, tag] of token.value.matchAll(/<\/?(\d+)\/?>/g)) names.add(`<${tag}>`);
    }
  };
  walk(parse(text));
  return [...names].sort();
}

it("in English can be read (braces of JSON or code must be a value)", () => {
  const wrong = [...english.values()].filter((text) => {
    try {
      parts(text);
      return false;
    } catch {
      return true;
    }
  });
  expect(wrong).toEqual([]);
});

describe.each(config.locales)("the texts in %s", async (locale) => {
  const read = (await catalog!.read(locale)) ?? {};

  it("are all there for the portal (npm run texts writes down what is missing)", () => {
    const missing = [...english].filter(([id]) => ofPortal.has(id) && !read[id]?.translation).map(([, text]) => text);
    expect(missing).toEqual([]);
  });

  it("are all used (npm run texts takes out what is not)", () => {
    expect(Object.entries(read).filter(([id]) => !english.has(id)).map(([, text]) => text.message)).toEqual([]);
  });

  it("have the values and elements of the English ones", () => {
    for (const [id, text] of english) {
      const translation = read[id]?.translation;
      if (translation) expect(parts(translation), translation).toEqual(parts(text));
    }
  });
});
