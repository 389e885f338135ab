import { i18n } from "@lingui/core";
import { plural, t } from "@lingui/core/macro";
import { afterEach, describe, expect, it } from "vitest";
import { messages as german } from "../locales/de.po";
import { activate, choose, forLocale } from "./language.ts";

afterEach(() => activate("en"));

describe("the language", () => {
  it.each([
    [["de"], [], "de"],
    [["de"], ["fr-FR", "de-CH", "de-DE"], "de-CH"],
    [["fr-CA"], ["fr-CH"], "fr-CA"],
    [["es", "it"], ["de"], "it"],
    [[null, undefined], ["pt-BR", "it-CH", "en"], "it-CH"],
    [[], ["pt-BR"], "en"],
    [["de"], ["en-US"], "de"],
    [["constructor"], ["DE-ch"], "DE-ch"],
  ])("of %j before a browser of %j is %s", (asked, browser, tag) => {
    expect(choose(asked, browser)).toBe(tag);
  });

  it("has its texts, its plurals and its numbers, and English where a text is missing", () => {
    const words = (n: number) => plural(n, { one: "# grasshopper waits", other: "# grasshoppers wait" });
    expect(words(1234)).toBe("1,234 grasshoppers wait");
    activate("de-DE", german);
    expect(t`Event types`).toBe("Ereignistypen");
    expect([words(1), words(1234)]).toEqual(["1 grasshopper waits", "1.234 grasshoppers wait"]);
    const format = forLocale((locale) => new Intl.NumberFormat(locale));
    expect(format().format(1.5)).toBe("1,5");
    activate("en-GB");
    expect(format().format(1.5)).toBe("1.5");
    expect(i18n.locale).toBe("en");
  });
});
