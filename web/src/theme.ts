import { t } from "@lingui/core/macro";
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple, type MantineThemeOverride } from "@mantine/core";
import { readable, shades } from "./lib/shades.ts";

const uniform: MantineColorsTuple = ["#eef1fb", "#dbe1f4", "#b4c0e8", "#8b9ddd", "#677fd3", "#516cce", "#3f5bc0", "#334ba6", "#2a3f8f", "#1d2d6b"];

/** The look of the dashboard; a portal has the operator's colour in its place. */
export function themeFor(color?: string): MantineThemeOverride {
  return createTheme({
    colors: { uniform, ...(color ? { brand: shades(color) } : {}) },
    primaryColor: color ? "brand" : "uniform",
    primaryShade: 6,
    autoContrast: true,
    luminanceThreshold: 0.179, // where black and white are equally readable: at least 4.5:1 either way
    defaultRadius: "md",
    cursorType: "pointer",
    fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    fontFamilyMonospace: "var(--bh-mono)",
    headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1.125rem" }, h3: { fontSize: "1rem" } } },
    components: {
      // What a screen reader needs, and Mantine leaves to each use.
      CloseButton: { defaultProps: { "aria-label": t`Close` } },
      Modal: { defaultProps: { attributes: { header: { role: "none" } } } }, // not the page's banner
      Drawer: { defaultProps: { attributes: { header: { role: "none" } } } },
      // The line below a tab is all that tells which one is open.
      Tabs: { vars: (_: unknown, props: { variant?: string }) => ({ root: props.variant === "pills" ? {} : { "--tabs-color": "var(--mantine-color-anchor)" } }) },
      Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
      Notification: { styles: { description: { color: "var(--mantine-color-dimmed)" } } },
    },
  });
}

/** Mantine's dimmed and placeholder greys, and its colored text on badges and dark pages, are too faint to read (WCAG 2.2, 1.4.3). */
export const readableColors: CSSVariablesResolver = ({ colors, primaryColor }) => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#5b616a",
    "--mantine-color-placeholder": "#6b727b",
    "--mantine-color-error": "#c92a2a",
    // An operator's colour may be as light as yellow, or as dark as the page.
    "--mantine-color-anchor": readable(colors[primaryColor]![6], "#f3f3f0"),
    [`--mantine-color-${primaryColor}-light-color`]: readable(colors[primaryColor]![9], colors[primaryColor]![1]),
    "--mantine-color-teal-light-color": "#06694b",
    "--mantine-color-yellow-light-color": "#8f4700",
    "--mantine-color-orange-light-color": "#a33409",
    "--mantine-color-red-light-color": "#b32020",
  },
  dark: {
    "--mantine-color-dimmed": "#a6a9b2",
    "--mantine-color-placeholder": "#9599a3",
    "--mantine-color-error": "#ff8787",
    "--mantine-color-anchor": readable(colors[primaryColor]![3], "#2e2e2e"),
  },
});
