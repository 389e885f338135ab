import { expect, test } from "vitest";
import { chatRow, choices, faultsOf, type Notices, noticesInput, noticeValues } from "./values.ts";

const saved: Notices = {
  emails: ["ann@example.com"], chats: [{ id: "c1", kind: "teams", url: "https://x.example/…" }], after: "5m", failures: 0, digest: "0s",
  backlog: 10_000, max_pending: 5, unsubscribed: [], mail_on: true,
};

test("what was saved is saved again as it was, chats by their ids", () => {
  const input = { emails: ["ann@example.com"], chats: [{ id: "c1", kind: "teams" }], after: "5m", failures: 0, digest: "0s", backlog: 10_000 };
  expect(noticesInput(noticeValues(saved), true)).toEqual({ ...input, max_pending: 5 });
  expect(noticesInput(noticeValues({ ...saved, page: "https://a.example" }), false)).toEqual({ ...input, page: "https://a.example" });
});

test("a new chat goes with its URL, an empty one not at all", () => {
  const v = noticeValues({ ...saved, chats: [] });
  v.chats = [{ ...chatRow(), url: " https://hooks.slack.com/x " }, chatRow()];
  expect(noticesInput(v, true).chats).toEqual([{ url: "https://hooks.slack.com/x" }]);
});

test("a length that is no usual one is a choice, too", () => {
  expect(choices([0, 60_000], "7000")).toEqual([0, 7000, 60_000]);
});

test("a fault stands with its list, and one of a chat with the chat", () => {
  expect(faultsOf([{ field: "emails[1]", detail: "a" }, { field: "chats[0].url", detail: "b" }, { field: "page", detail: "c" }]))
    .toEqual({ emails: "a", "chats.0": "b", page: "c" });
  expect(faultsOf([{ field: "emails[0]", code: "email", detail: "is not an e-mail address: …" }]).emails).toMatch(/^This is no e-mail address/);
});
