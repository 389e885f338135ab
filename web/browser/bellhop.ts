// The real binary on a file of its own, and a client of its API.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import createClient, { type Client } from "openapi-fetch";
import type { paths } from "../src/api/schema.ts";

const binary = resolve(import.meta.dirname, "../../bin/bellhop");

/** A running server with an empty database, made for one test file. */
export class Bellhop {
  private constructor(
    readonly url: string,
    readonly adminKey: string,
    private child: ChildProcess,
    private readonly command: { folder: string; args: string[] },
  ) {}

  /** Starts the binary and waits until it has printed its admin key and answers. */
  static async start(...flags: string[]): Promise<Bellhop> {
    const command = { folder: mkdtempSync(join(tmpdir(), "bellhop-browser-")), args: ["serve", "--listen", "127.0.0.1:0", ...flags] };
    const child = run(command);
    let said = "";
    // The port is the system's choice: one that was free a moment ago may be taken by now.
    const { address, key } = await new Promise<{ address: string; key: string }>((done, fail) => {
      const listen = (chunk: Buffer) => {
        said += chunk.toString();
        const address = said.match(/Listening\s+(127\.0\.0\.1:\d+)/)?.[1];
        const key = said.match(/BELLHOP_KEY=(bh_\w+)/)?.[1];
        if (address && key) done({ address, key });
      };
      child.stdout?.on("data", listen);
      child.stderr?.on("data", listen);
      child.on("error", (e) => fail(new Error(`${binary} does not start (make build makes it): ${e.message}`)));
      child.on("exit", (code) => fail(new Error(`bellhop ended with ${code}:\n${said}`)));
    });
    command.args[2] = address; // it keeps the port when it is started again
    const bellhop = new Bellhop(`http://${address}`, key, child, command);
    await bellhop.ready();
    return bellhop;
  }

  private async ready(): Promise<void> {
    await until(async () => (await fetch(`${this.url}/readyz`).catch(() => undefined))?.ok === true, "the server is ready");
  }

  /** Ends the process as a power cut would. Its database stays. */
  async kill(): Promise<void> {
    await ended(this.child, "SIGKILL");
  }

  /** Starts it again on the same database and address. */
  async startAgain(): Promise<void> {
    this.child = run(this.command);
    await this.ready();
  }

  /** A client of the API with a key, the admin's unless another is given. */
  api(key = this.adminKey): Client<paths> {
    return createClient<paths>({ baseUrl: this.url, headers: { Authorization: `Bearer ${key}` } });
  }

  /** Makes an app. */
  async app(id: string): Promise<void> {
    await given(this.api().PUT("/v1/apps/{id}", { params: { path: { id } }, body: {} }));
  }

  /** Makes an endpoint, and gives its id. */
  async endpoint(app: string, url: string, more: object = {}): Promise<string> {
    return (await given(this.api().POST("/v1/endpoints", { body: { apps: [app], url, ...more } }))).id;
  }

  /** Publishes an event, and gives its id. */
  async publish(app: string, type: string, data: unknown = {}, more: object = {}): Promise<string> {
    return (await given(this.api().POST("/v1/events", { body: { app, type, data, ...more } }))).id;
  }

  async stop(): Promise<void> {
    const late = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await ended(this.child, "SIGTERM");
    clearTimeout(late);
    rmSync(this.command.folder, { recursive: true, force: true });
  }
}

function run({ folder, args }: { folder: string; args: string[] }): ChildProcess {
  return spawn(binary, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once("exit", () => done());
    child.kill(signal);
  });
}

/** An answer of the API that must be a success. */
export async function given<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${JSON.stringify(error)}`);
  return data as T;
}

/** Asks until the answer is yes; fails after half a minute, naming what never came. */
export async function until(ask: () => Promise<boolean> | boolean, what: string, patience = 30_000): Promise<void> {
  const end = Date.now() + patience;
  while (!(await ask())) {
    if (Date.now() > end) throw new Error(`it never came to be that ${what}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
