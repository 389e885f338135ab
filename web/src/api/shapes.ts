// What the pages read of answers beyond the generated types.

/** What became of an event at all of its endpoints. */
export interface Outcome {
  state: "none" | "waiting" | "held" | "failed" | "delivered" | "canceled";
  delivered: number;
  waiting: number;
  held: number;
  failed: number;
  canceled: number;
}

/** Failures of one cause at one endpoint. */
export interface FailureGroup {
  endpoint: string;
  reason: string;
  response_status?: number;
  detail: string;
  waiting: number;
  failed: number;
  oldest_at: string;
  newest_at: string;
  newest_attempt: string;
  next_at?: string;
}

/** How many waiting deliveries were moved to now. */
export interface Moved {
  moved: number;
}
