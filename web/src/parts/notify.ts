import { notifications } from "@mantine/notifications";
import { Problem } from "../api/client.ts";

/** Tells that something was done. */
export function done(title: string, message?: string): void {
  notifications.show({ color: "teal", title, message: message ?? "" });
}

/** Tells that something could not be done, and why; it stays until it is closed. */
export function failed(title: string, error: unknown): void {
  const detail = error instanceof Problem ? [error.detail, ...error.errors.map((e) => `${e.field} ${e.detail}`)].join("\n") : String(error);
  notifications.show({ color: "red", title, message: detail, autoClose: false, withCloseButton: true, style: { whiteSpace: "pre-line" } });
}
