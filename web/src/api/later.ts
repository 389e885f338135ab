// Calls that the generated types do not have yet.
import type { Client } from "openapi-fetch";
import { api, type Delivery } from "./client.ts";
import type { Cause } from "../lib/reasons.ts";
import type { FailureGroup, Moved } from "./shapes.ts";

interface Answer<T, C extends number = 200> {
  responses: { [code in C]: { content: { "application/json": T } } };
}

interface LaterPaths {
  "/v1/deliveries/{id}/try": { post: { parameters: { path: { id: string } } } & Answer<Delivery, 202> };
  "/v1/endpoints/{id}/try": { post: { parameters: { path: { id: string } }; requestBody: { content: { "application/json": Cause } } } & Answer<Moved, 202> };
  "/v1/failures": { get: { parameters: { query: { app?: string; endpoint?: string; since?: string } } } & Answer<{ data: FailureGroup[] }> };
}

export const later = api as unknown as Client<LaterPaths>;
