import { t } from "@lingui/core/macro";

/** The first line of a request, or what stands for it where a mail is sent. */
export function requestLine(method: string, url: string): string {
  return /^smtps?(\+plain)?:/i.test(url) ? t`A mail by ${url}` : `${method} ${url}`;
}
