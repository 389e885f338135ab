import { Notifications } from "@mantine/notifications";

/** Where notify.ts shows what was done; not needed for the first paint. */
export default function Notices() {
  return <Notifications position="bottom-right" autoClose={5000} />;
}
