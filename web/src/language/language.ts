// The language of the page: that of the link or of the menu, for this tab; else the one
// chosen last in this browser; else the browser's own. English is in the sources, and
// the other languages are loaded before the page is; what they lack stays English.
import { i18n, type Messages } from "@lingui/core";

/** The languages of the page, each in its own words. */
export const languages = { en: "English", de: "Deutsch", fr: "Français", it: "Italiano" } as const;

export type Language = keyof typeof languages;

const key = "bellhop-language";

const catalogues: Record<Exclude<Language, "en">, () => Promise<{ messages: Messages }>> = {
  de: () => import("../locales/de.po"),
  fr: () => import("../locales/fr.po"),
  it: () => import("../locales/it.po"),
};

/** What a language tag such as de-CH names, if the page speaks it. */
export function languageOf(tag: string | null | undefined): Language | undefined {
  const base = tag?.split("-")[0]?.toLowerCase();
  return base !== undefined && Object.hasOwn(languages, base) ? (base as Language) : undefined;
}

/** The first tag that the page speaks. A tag of a language alone gets the browser's region: de-CH for de. */
export function choose(asked: (string | null | undefined)[], browser: readonly string[]): string {
  const tag = [...asked, ...browser].find((t) => languageOf(t)) ?? "en";
  if (tag.includes("-")) return tag;
  return browser.find((t) => t.includes("-") && languageOf(t) === languageOf(tag)) ?? tag;
}

function stored(storage: "sessionStorage" | "localStorage"): string | null {
  try {
    return window[storage].getItem(key);
  } catch {
    return null; // a frame without storage
  }
}

function store(storage: "sessionStorage" | "localStorage", tag: string): void {
  try {
    window[storage].setItem(key, tag);
  } catch {
    // a frame without storage: it is asked again when the page is loaded
  }
}

/** Takes ?lang= out of the address, where it would win over the menu for ever. */
function takeFromAddress(): string | null {
  const search = new URLSearchParams(location.search);
  const given = search.get("lang");
  if (given === null) return null;
  search.delete("lang");
  history.replaceState(history.state, "", location.pathname + (search.size > 0 ? `?${search}` : "") + location.hash);
  if (!languageOf(given)) return null;
  store("sessionStorage", given);
  return given;
}

/** The tag by which dates, numbers and lists are written, such as de-CH. */
export let locale = "en";

/** The language of the page. */
export function language(): Language {
  return languageOf(locale) ?? "en";
}

/** What is made once for the language of the page, when it is first asked for: a format of Intl, as a rule. */
export function forLocale<T>(make: (locale: string) => T): () => T {
  let made: { locale: string; value: T } | undefined;
  return () => {
    if (made?.locale !== locale) made = { locale, value: make(locale) };
    return made.value;
  };
}

/** Finds the language and speaks it. */
export function speak(): Promise<void> {
  return become(choose([takeFromAddress(), stored("sessionStorage"), stored("localStorage")], navigator.languages));
}

/** Changes the language, for this tab and for those that are opened later. */
export function change(to: Language): Promise<void> {
  store("sessionStorage", to);
  store("localStorage", to);
  return become(choose([to], navigator.languages));
}

/** Loads the texts of a language and writes in it. What cannot be loaded is English. */
async function become(tag: string): Promise<void> {
  let messages: Messages = {};
  const spoken = languageOf(tag);
  if (spoken !== undefined && spoken !== "en") {
    try {
      messages = (await catalogues[spoken]()).messages;
    } catch {
      tag = "en";
    }
  }
  activate(tag, messages);
  document.documentElement.lang = language();
}

/** Writes from now on in the language of the tag, with its texts. */
export function activate(tag: string, messages: Messages = {}): void {
  locale = tag;
  i18n.loadAndActivate({ locale: language(), locales: tag, messages });
}
