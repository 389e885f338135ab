import "react-json-view-lite/dist/index.css";

import { Box, useComputedColorScheme } from "@mantine/core";
import { darkStyles, defaultStyles, JsonView } from "react-json-view-lite";
import classes from "./JsonTree.module.css";

/** A tree of JSON; it is loaded when first needed. */
export default function JsonTree({ value, label }: { value: object; label: string }) {
  const dark = useComputedColorScheme("light") === "dark";
  const styles = dark ? darkStyles : defaultStyles;
  return (
    <Box className={classes.tree} tabIndex={0} role="region" aria-label={label} dir="ltr">
      <JsonView data={value} shouldExpandNode={(level) => level < 3} style={{ ...styles, container: classes.container ?? "", numberValue: classes.number ?? "", booleanValue: classes.number ?? "", ...(dark && { stringValue: classes.string ?? "" }) }} clickToExpandNode />
    </Box>
  );
}
