import { Box, Skeleton, useComputedColorScheme } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { ChartProps } from "./Plot.tsx";

const Plot = lazy(() => import("./Plot.tsx"));

/** A chart of values over time, with the same numbers as a table for screen readers. */
export function Chart(props: ChartProps) {
  const scheme = useComputedColorScheme("light"); // another scheme, another canvas
  return (
    <Box mih={props.height ?? 200}>
      <Suspense fallback={<Skeleton h={props.height ?? 200} />}>
        <Plot key={scheme} {...props} />
      </Suspense>
    </Box>
  );
}
