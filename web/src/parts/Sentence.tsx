import { Fragment } from "react";
import { Time } from "./Time.tsx";

const stamp = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** A sentence of the server, with the times in it as times of the viewer. */
export function Sentence({ text }: { text: string }) {
  return (
    <span className="foreign">
      {text.split(stamp).map((part, i) => <Fragment key={i}>{i % 2 === 1 ? <Time at={part} /> : part}</Fragment>)}
    </span>
  );
}
