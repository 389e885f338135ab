// Says at the very end, in one line each and as Go's tests do, what failed: other tests write to
// the same terminal meanwhile.
import type { Reporter, TestCase, TestModule } from "vitest/node";

export class Failures implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const error of module.errors()) tell(module.moduleId, error.message);
      for (const test of module.children.allTests("failed")) tell(test.fullName, because(test));
    }
  }
}

function because(test: TestCase): string {
  const result = test.result();
  return result.state === "failed" ? (result.errors[0]?.message ?? "") : "";
}

function tell(name: string, why: string): void {
  console.log(`--- FAIL: ${name}: ${why.split("\n", 1)[0]}`);
}
