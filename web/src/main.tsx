import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./global.css";

import { i18n } from "@lingui/core";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { locale, speak } from "./language/language.ts";
import { Root } from "./root.tsx";
import { takePortalToken } from "./session/portal.ts";

takePortalToken();
const root = createRoot(document.getElementById("root")!);
// Another language is another page: all that is shown is made anew.
i18n.on("change", () =>
  root.render(
    <StrictMode>
      <Root key={locale} />
    </StrictMode>,
  ),
);
void speak();
