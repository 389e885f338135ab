import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, indentOnInput, syntaxTree } from "@codemirror/language";
import { Compartment, EditorState, type Range } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { useEffect, useRef } from "react";
import classes from "./JsonEditor.module.css";

interface JsonEditorProps {
  value: string;
  onChange(value: string): void;
  label: string;
  describedBy?: string;
  invalid?: boolean;
}

const marks: Record<string, Decoration> = Object.fromEntries(
  Object.entries({ PropertyName: "name", String: "text", Number: "number", True: "word", False: "word", Null: "word" })
    .map(([node, name]) => [node, Decoration.mark({ class: classes[name] })]),
);

/** Colours JSON with classes, so that light and dark are a matter of CSS. */
const colours = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = paint(view);
    }
    update(u: ViewUpdate) {
      if (u.docChanged || u.viewportChanged || syntaxTree(u.startState) !== syntaxTree(u.state)) this.decorations = paint(u.view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

function paint(view: EditorView): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const { from, to } of view.visibleRanges) {
    syntaxTree(view.state).iterate({
      from,
      to,
      enter: (node) => {
        const mark = marks[node.name];
        if (mark) ranges.push(mark.range(node.from, node.to));
      },
    });
  }
  return Decoration.set(ranges, true);
}

/** An editor for JSON (CodeMirror); it is loaded when first needed. Tab leaves it. */
export default function JsonEditor({ value, onChange, label, describedBy, invalid = false }: JsonEditorProps) {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const attributes = useRef(new Compartment());
  const changed = useRef(onChange);
  changed.current = onChange;
  const first = useRef(value);

  useEffect(() => {
    const made = new EditorView({
      parent: holder.current!,
      state: EditorState.create({
        doc: first.current,
        extensions: [
          history(), json(), bracketMatching(), indentOnInput(), colours, EditorView.lineWrapping,
          keymap.of([...defaultKeymap, ...historyKeymap]),
          attributes.current.of([]),
          EditorView.updateListener.of((u) => {
            if (u.docChanged) changed.current(u.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, []);

  useEffect(() => {
    view.current?.dispatch({
      effects: attributes.current.reconfigure(EditorView.contentAttributes.of({
        "aria-label": label, "aria-invalid": String(invalid), ...(describedBy ? { "aria-describedby": describedBy } : {}), spellcheck: "false", tabindex: "0",
      })),
    });
  }, [label, describedBy, invalid]);

  // A value from outside, such as an example, takes the place of the text.
  useEffect(() => {
    const v = view.current;
    if (v && v.state.doc.toString() !== value) v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: value } });
  }, [value]);

  return <div ref={holder} className={classes.editor} data-invalid={invalid || undefined} dir="ltr" />;
}
