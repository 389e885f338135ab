import { type UseFormReturnType } from "@mantine/form";
import { useApps, useSession } from "../../../api/queries.ts";
import { defaultDialect, offeredDialects } from "../../../lib/dialects.ts";
import type { FormValues } from "./values.ts";

export type EndpointFormState = UseFormReturnType<FormValues>;

/** What every part of the form gets. */
export interface PartProps {
  form: EndpointFormState;
  /** A new endpoint, in contrast to one that is changed. */
  create: boolean;
}

/** The parts that are closed at first. */
export type Part = "narrow" | "own" | "look" | "auth" | "capture" | "retry" | "notify" | "limits" | "headers" | "advanced";

/** The part that a field is in; undefined for what is always open. */
export function partOf(field: string): Part | undefined {
  const name = field.split(".")[0]!;
  if (name === "subjects" || name === "filter") return "narrow";
  if (name === "own") return "own";
  if (name === "dialect" || name === "dialectOptions" || name === "code") return "look";
  if (name === "auth" || name === "tls") return "auth";
  if (name === "capture") return "capture";
  if (name === "retry") return "retry";
  if (name === "notify") return "notify";
  if (["timeout", "concurrency", "perSecond", "burst", "ordering"].includes(name)) return "limits";
  if (name === "headers") return "headers";
  if (name === "metadata" || name === "locked" || name === "lockedReason" || name === "secret" || name === "verify") return "advanced";
  return undefined;
}

/** The dialect that the endpoint has or would get, and those that the viewer may choose (undefined: any). */
export function useDialectChoice(v: Pick<FormValues, "apps" | "dialect">): { dialect: string; offered: string[] | undefined } {
  const session = useSession();
  const apps = useApps().data ?? [];
  const chosen = session.portal ? session.apps : v.apps;
  return {
    dialect: v.dialect || defaultDialect(apps, chosen, session.features.default_dialect),
    offered: session.role === "admin" ? undefined : offeredDialects(apps, chosen),
  };
}
