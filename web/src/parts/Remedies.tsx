import { plural, t } from "@lingui/core/macro";
import { Button } from "@mantine/core";
import { IconCode, IconEye, IconListDetails, IconPencil, IconPlayerPlay, IconPlugConnected, IconRepeat, IconSend, IconShieldCheck } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Endpoint } from "../api/client.ts";
import { useSession } from "../api/queries.ts";
import { linkTo, type Target } from "../lib/links.ts";
import type { Way } from "../lib/reasons.ts";
import { useResume } from "./useResume.ts";
import { type Tried, useTryNow } from "./useTryNow.ts";

interface RemediesProps {
  ways: Way[];
  endpoint: string;
  /** Set where it is known; without it, nothing is offered that needs its state. */
  known?: Pick<Endpoint, "id" | "status" | "locked" | "transform">;
  /** The failed attempt, for the check of its request. */
  attempt?: string;
  /** What "Try now" tries, and how many that are. */
  tried?: Tried;
  waiting?: number;
  /** Opens the test on this page; without it, the button leads to that of the endpoint. */
  onTest?(): void;
  onResend?(): void;
  /** What the buttons say of themselves to those who hear them, where a page has many: the endpoint's name. */
  about?: string;
  size?: "xs" | "compact-sm";
}

/** Buttons for what can be done about a failure, as far as the viewer may; the first is the most likely. */
export function Remedies({ ways, endpoint, known, attempt, tried, waiting = 1, onTest, onResend, about, size = "xs" }: RemediesProps) {
  const session = useSession();
  const try_ = useTryNow();
  const resume = useResume(known ?? { id: endpoint, status: "active" });
  const mayChange = session.mayEdit && !(known?.locked && session.role !== "admin");
  const label = (words: string) => (about ? { "aria-label": `${words}: ${about}` } : {});
  const buttons: Partial<Record<Way, (first: boolean) => ReactNode>> = {
    log: (first) => <LinkButton key="log" {...linkTo("/logs", attempt ? { endpoint, attempt } : { endpoint, status: "failed" })} icon={<IconListDetails size={15} />} first={first} size={size} label={about}>{t`Open the log`}</LinkButton>,
    check: (first) => <LinkButton key="check" to="/check" search={(attempt ? { attempt } : {}) as never} icon={<IconShieldCheck size={15} />} first={first} size={size} label={about}>{t`Check a request`}</LinkButton>,
  };
  if (session.mayEdit) {
    buttons.secret = (first) => <LinkButton key="secret" to={`/endpoints/${endpoint}`} search={{ tab: "secret" } as never} icon={<IconEye size={15} />} first={first} size={size} label={about}>{t`Show the secret`}</LinkButton>;
    buttons.test = (first) => onTest
      ? <Button key="test" size={size} variant={first ? "filled" : "default"} leftSection={<IconSend size={15} />} onClick={onTest} {...label(t`Send a test`)}>{t`Send a test`}</Button>
      : <LinkButton key="test" to={`/endpoints/${endpoint}`} search={{ dialog: "test" } as never} icon={<IconSend size={15} />} first={first} size={size} label={about}>{t`Send a test`}</LinkButton>;
    if (tried) {
      const words = "delivery" in tried || waiting === 1 ? t`Try now` : plural(waiting, { one: "Try # delivery now", other: "Try all # deliveries now" });
      buttons.try = (first) => <Button key="try" size={size} variant={first ? "filled" : "default"} leftSection={<IconRepeat size={15} />} loading={try_.isPending} onClick={() => try_.mutate(tried)} {...label(words)}>{words}</Button>;
    }
    if (onResend) buttons.resend = (first) => <Button key="resend" size={size} variant={first ? "filled" : "default"} leftSection={<IconSend size={15} />} onClick={onResend} {...label(t`Send again`)}>{t`Send again`}</Button>;
  }
  if (mayChange) {
    buttons.edit = (first) => <LinkButton key="edit" to={`/endpoints/${endpoint}/edit`} icon={<IconPencil size={15} />} first={first} size={size} label={about}>{t`Edit the endpoint`}</LinkButton>;
    buttons.look = (first) => <LinkButton key="look" to={`/endpoints/${endpoint}/edit`} search={{ part: "look" } as never} icon={<IconCode size={15} />} first={first} size={size} label={about}>{known?.transform ? t`Correct the script` : t`Edit how requests look`}</LinkButton>;
    if (known) {
      const [words, icon] = known.status === "disabled" ? [t`Enable`, <IconPlugConnected key="i" size={15} />] : known.status === "paused" ? [t`Resume`, <IconPlayerPlay key="i" size={15} />] : [t`Try again as it is`, <IconRepeat key="i" size={15} />];
      buttons.resume = (first) => <Button key="resume" size={size} variant={first ? "filled" : "default"} leftSection={icon} loading={resume.isPending} onClick={() => resume.mutate()} {...label(words as string)}>{words}</Button>;
    }
  }
  const shown = ways.map((w) => buttons[w]).filter((b) => b !== undefined);
  if (shown.length === 0) return null;
  return <>{shown.map((button, i) => button(i === 0))}</>;
}

function LinkButton({ icon, first, size, label, children, ...target }: Omit<Target, "search"> & { search?: never; icon: ReactNode; first: boolean; size: "xs" | "compact-sm"; label?: string; children: string }) {
  return (
    <Button component={Link} {...target} size={size} variant={first ? "filled" : "default"} leftSection={icon} {...(label ? { "aria-label": `${children}: ${label}` } : {})}>
      {children}
    </Button>
  );
}
