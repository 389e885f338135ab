// Recipes: what the form asks for where requests are made for a well-known target.
import { plural, t } from "@lingui/core/macro";
import type { Schemas } from "../api/client.ts";

export type Recipe = Schemas["Recipe"];
export type RecipeField = Schemas["RecipeField"];

/** The recipe is for mail, whose address is a mail server's. */
export function isMail(recipe: Pick<Recipe, "mail"> | undefined): boolean {
  return Boolean(recipe?.mail);
}

/** Recipes under their headings, in the order in which these first occur. */
export function byCategory(recipes: Recipe[]): [category: string, recipes: Recipe[]][] {
  const groups = new Map<string, Recipe[]>();
  for (const r of recipes) {
    const category = r.category ?? t`Others`;
    groups.set(category, [...(groups.get(category) ?? []), r]);
  }
  return [...groups];
}

/** What a recipe's default address is with these fields; undefined if it has none. */
export function defaultAddress(recipe: Recipe, fields: Record<string, string>): string | undefined {
  return recipe.address.default?.replace(/\$\{\s*field\.([a-z0-9_]+)[^}]*\}/g, (_, name: string) => fields[name]?.trim() || `…`);
}

/** The fields with sample values where nothing was given yet, and whether there were such. */
export function withSamples(recipe: Recipe, given: Record<string, string>): { fields: Record<string, string>; sampled: boolean } {
  const fields: Record<string, string> = {};
  let sampled = false;
  for (const f of recipe.fields ?? []) {
    const own = given[f.name]?.trim();
    const sample = recipe.sample.fields?.[f.name];
    if (own) fields[f.name] = own;
    else if (f.required && !f.default && sample) {
      fields[f.name] = sample;
      sampled = true;
    }
  }
  return { fields, sampled };
}

/** How fast a target takes requests, in words; undefined if nothing is known. */
export function paceOf(recipe: Pick<Recipe, "rate_limit" | "concurrency">): string | undefined {
  const parts: string[] = [];
  const rate = recipe.rate_limit?.per_second;
  const { concurrency } = recipe;
  if (rate && rate >= 1) parts.push(plural(Number(rate.toFixed(2)), { one: "# request a second", other: "# requests a second" }));
  else if (rate) {
    const seconds = Number((1 / rate).toFixed(1));
    parts.push(t`one request each ${seconds} seconds`);
  }
  if (concurrency) parts.push(concurrency === 1 ? t`one at a time` : t`${concurrency} at once`);
  return parts.length === 0 ? undefined : parts.join(", ");
}
