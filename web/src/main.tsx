import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./global.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { speak } from "./language/language.ts";
import { Root } from "./root.tsx";
import { takePortalToken } from "./session/portal.ts";

takePortalToken();
void speak().then(() =>
  createRoot(document.getElementById("root")!).render(
    <StrictMode>
      <Root />
    </StrictMode>,
  ),
);
