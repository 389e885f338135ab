import { Text } from "@mantine/core";
import type { Inbox } from "../../api/client.ts";
import { useConfirm } from "../../parts/confirm.tsx";
import { done, failed } from "../../parts/notify.ts";
import { plural } from "../../lib/text.ts";
import { useDeleteInbox } from "./queries.ts";

/** Gives a function that asks, deletes an inbox and answers whether it did. */
export function useRemoveInbox() {
  const confirm = useConfirm();
  const remove = useDeleteInbox();
  return async (inbox: Inbox): Promise<boolean> => {
    const agreed = await confirm({
      title: "Delete this inbox?",
      children: (
        <Text size="sm">
          What it received ({plural(inbox.received, "request")}) is lost. Requests to its URL will be answered 410 Gone, and endpoints with this
          URL will be disabled.
        </Text>
      ),
      confirm: "Delete inbox",
    });
    if (!agreed) return false;
    try {
      await remove.mutateAsync(inbox.token);
      done("The inbox was deleted");
      return true;
    } catch (error) {
      failed("The inbox was not deleted", error);
      return false;
    }
  };
}
