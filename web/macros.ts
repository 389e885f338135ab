import { type PluginObj, transformAsync, types as t } from "@babel/core";
import macro from "@lingui/babel-plugin-lingui-macro";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import type { Plugin } from "vite";

/** A message as the page reads it: taken apart here, so that the parser need not be loaded. */
function compiled(message: string): t.Expression {
  const parts = compileMessage(message);
  return t.valueToNode(Array.isArray(parts) && parts.length === 1 && typeof parts[0] === "string" ? parts[0] : parts);
}

const compileMessages: PluginObj = {
  visitor: {
    Program: {
      exit: (program) =>
        program.traverse({
          ObjectProperty({ node, parent }) {
            const made = t.isObjectExpression(parent) && parent.properties.some((p) => t.isObjectProperty(p) && t.isIdentifier(p.key, { name: "id" }));
            if (made && t.isIdentifier(node.key, { name: "message" }) && t.isStringLiteral(node.value)) node.value = compiled(node.value.value);
          },
          JSXAttribute({ node, parent }) {
            if (!t.isJSXOpeningElement(parent) || !t.isJSXIdentifier(parent.name) || !parent.name.name.startsWith("_Trans")) return;
            if (node.name.name !== "message") return;
            const text = t.isJSXExpressionContainer(node.value) ? node.value.expression : node.value;
            if (t.isStringLiteral(text)) node.value = t.jsxExpressionContainer(compiled(text.value));
          },
        }),
    },
  },
};

/** Lingui's macros, which make messages with an id of texts and of sentences with elements in them. */
export function macros(): Plugin {
  return {
    name: "macros",
    enforce: "pre",
    transform: {
      filter: { id: /\.tsx?$/, code: /@lingui\/(core|react)\/macro/ },
      async handler(code, id) {
        const made = await transformAsync(code, {
          filename: id,
          babelrc: false,
          configFile: false,
          sourceMaps: true,
          parserOpts: { plugins: id.endsWith("x") ? ["typescript", "jsx"] : ["typescript"] },
          plugins: [[macro, { stripMessageField: false }], compileMessages],
        });
        return made?.code ? { code: made.code, map: made.map } : undefined;
      },
    },
  };
}
