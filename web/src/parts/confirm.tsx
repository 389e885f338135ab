import { t } from "@lingui/core/macro";
import { createContext, type ReactNode, Suspense, useCallback, useContext, useEffect, useState } from "react";
import { unreachable } from "../api/client.ts";
import { optional } from "../lib/optional.ts";
import { failed } from "./notify.ts";

const ConfirmDialog = optional(() => import("./ConfirmDialog.tsx"), Unasked);

/** What to ask before something that cannot be undone. */
export interface Question {
  title: string;
  /** What will happen, naming what will be lost. */
  children: ReactNode;
  /** The button's label, a verb: "Delete endpoint". */
  confirm: string;
  /** Text to type first, for what loses much. */
  type?: string;
  /** Red, for what is lost for good. Default: true. */
  danger?: boolean;
}

const Context = createContext<(q: Question) => Promise<boolean>>(() => Promise.resolve(false));

/** Gives a function that asks, and answers whether the viewer agreed. */
export function useConfirm() {
  return useContext(Context);
}

/** Asks the questions of useConfirm. */
export function ConfirmProvider({ children }: { children: ReactNode }) {
  const [asked, setAsked] = useState<{ question: Question; answer: (yes: boolean) => void; number: number; open: boolean }>();
  const ask = useCallback(
    (question: Question) =>
      new Promise<boolean>((answer) => setAsked((before) => ({ question, answer, number: (before?.number ?? 0) + 1, open: true }))),
    [],
  );
  function answer(yes: boolean) {
    asked?.answer(yes);
    // It stays where it is, closed, so that it can give the focus back.
    setAsked(asked && { ...asked, open: false });
  }
  return (
    <Context.Provider value={ask}>
      {children}
      {asked && (
        <Suspense>
          <ConfirmDialog key={asked.number} opened={asked.open} question={asked.question} onAnswer={answer} />
        </Suspense>
      )}
    </Context.Provider>
  );
}

/** Who could not be asked has not agreed. */
function Unasked({ opened, onAnswer }: { opened: boolean; onAnswer: (yes: boolean) => void }) {
  useEffect(() => {
    if (!opened) return;
    failed(t`Nothing was done`, unreachable());
    onAnswer(false);
  });
  return null;
}
