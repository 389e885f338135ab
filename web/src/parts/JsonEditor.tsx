import { json } from "@codemirror/lang-json";
import { EditorView } from "@codemirror/view";
import classes from "./JsonEditor.module.css";
import { colours, type EditorProps, useEditor } from "./useEditor.ts";

const names: Record<string, string | undefined> = { PropertyName: classes.name, String: classes.text, Number: classes.number, True: classes.word, False: classes.word, Null: classes.word };
const extensions = [json(), colours((node) => names[node]), EditorView.lineWrapping];

/** An editor for JSON; it is loaded when first needed. */
export default function JsonEditor(props: EditorProps) {
  const { holder } = useEditor(props, extensions);
  return <div ref={holder} className={classes.editor} data-invalid={props.invalid || undefined} dir="ltr" />;
}
