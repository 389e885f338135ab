import { javascript } from "@codemirror/lang-javascript";
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, lineNumbers } from "@codemirror/view";
import { useEffect } from "react";
import classes from "./JsonEditor.module.css";
import { colours, type EditorProps, useEditor } from "./useEditor.ts";

/** A place in a script, both numbers from 1. */
export interface Place {
  line: number;
  column?: number;
}

const words = new Set(
  ("break case catch class const continue debugger default delete do else export extends finally for function if import in instanceof let new of return static super switch this throw try "
    + "typeof var void while with yield async await BooleanLiteral null").split(" "),
);

function classOf(node: string): string | undefined {
  if (words.has(node)) return classes.word;
  switch (node) {
    case "PropertyDefinition": return classes.name;
    case "String": case "TemplateString": case "RegExp": return classes.text;
    case "Number": return classes.number;
    case "LineComment": case "BlockComment": return classes.comment;
    default: return undefined;
  }
}

const setFault = StateEffect.define<Place | undefined>();

/** The line of the fault, and from its column on what is underlined. It goes as soon as the text changes. */
const fault = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = transaction.docChanged ? Decoration.none : marks;
    for (const effect of transaction.effects) {
      if (!effect.is(setFault)) continue;
      const { doc } = transaction.state;
      const place = effect.value;
      if (!place || place.line < 1 || place.line > doc.lines) {
        next = Decoration.none;
        continue;
      }
      const line = doc.line(place.line);
      const from = Math.min(line.from + Math.max((place.column ?? 1) - 1, 0), line.to);
      next = Decoration.set([
        Decoration.line({ class: classes.fault }).range(line.from),
        ...(from < line.to ? [Decoration.mark({ class: classes.underlined }).range(from, line.to)] : []),
      ]);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const extensions = [javascript(), lineNumbers(), colours(classOf), fault, EditorView.lineWrapping];

/** An editor for JavaScript that marks where it failed; it is loaded when first needed. */
export default function ScriptEditor({ at, ...props }: EditorProps & { at: Place | undefined }) {
  const { holder, view } = useEditor(props, extensions);
  const [line, column] = [at?.line, at?.column];
  useEffect(() => {
    view.current?.dispatch({ effects: setFault.of(line === undefined ? undefined : { line, column }) });
  }, [line, column, view]);
  return <div ref={holder} className={`${classes.editor} ${classes.script}`} data-invalid={props.invalid || undefined} dir="ltr" />;
}
