import { Trans } from "@lingui/react/macro";
import { Button, Center } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Failure } from "./states.tsx";

/** The last resort: whatever breaks outside of a page is told, and does not leave an empty window. */
export class Boundary extends Component<{ children: ReactNode }, { error?: unknown }> {
  state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <Center mih="100vh" p="md">
        <Failure error={this.state.error} action={<Button onClick={() => location.reload()}><Trans>Load the page again</Trans></Button>} />
      </Center>
    );
  }
}
