import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, syntaxTree } from "@codemirror/language";
import { Compartment, EditorState, type Extension, type Range } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { useEffect, useRef } from "react";

export interface EditorProps {
  value: string;
  onChange(value: string): void;
  label: string;
  describedBy?: string;
  invalid?: boolean;
}

/** Colours a language with classes, so that light and dark are a matter of CSS. classOf gives that of a node of its tree. */
export function colours(classOf: (node: string) => string | undefined): Extension {
  const marks = new Map<string, Decoration>();
  function paint(view: EditorView): DecorationSet {
    const ranges: Range<Decoration>[] = [];
    for (const { from, to } of view.visibleRanges) {
      syntaxTree(view.state).iterate({
        from,
        to,
        enter: (node) => {
          const name = classOf(node.name);
          if (!name) return;
          if (!marks.has(name)) marks.set(name, Decoration.mark({ class: name }));
          ranges.push(marks.get(name)!.range(node.from, node.to));
        },
      });
    }
    return Decoration.set(ranges, true);
  }
  return ViewPlugin.fromClass(
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
}

/** An editor (CodeMirror) in an element. Tab leaves it. The extensions are those of the first call. */
export function useEditor({ value, onChange, label, describedBy, invalid = false }: EditorProps, extensions: Extension) {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const attributes = useRef(new Compartment());
  const changed = useRef(onChange);
  changed.current = onChange;
  const first = useRef({ value, extensions });

  useEffect(() => {
    const made = new EditorView({
      parent: holder.current!,
      state: EditorState.create({
        doc: first.current.value,
        extensions: [
          history(), bracketMatching(), indentOnInput(), first.current.extensions,
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

  return { holder, view };
}
