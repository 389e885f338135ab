// A receiver that answers as a test wants, and remembers what came.
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";

export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export class Receiver {
  readonly received: Received[] = [];
  /** What it answers with. */
  status = 200;
  body = "ok";
  /** Paths that lead elsewhere (302). */
  readonly redirects = new Map<string, string>();
  /** How many milliseconds it takes to answer. */
  delay = 0;
  private constructor(private readonly server: Server, readonly url: string) {}

  static start(): Promise<Receiver> {
    return new Promise((done) => {
      const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          receiver.received.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() });
          const { status, body } = receiver;
          const location = receiver.redirects.get(request.url ?? "");
          setTimeout(() => {
            response.writeHead(location ? 302 : status, { "Content-Type": "text/plain", ...(location ? { Location: location } : {}) });
            response.end(body);
          }, receiver.delay);
        });
      });
      let receiver: Receiver;
      server.listen(0, "127.0.0.1", () => {
        const address = server.address() as { port: number };
        receiver = new Receiver(server, `http://127.0.0.1:${address.port}/hooks`);
        done(receiver);
      });
    });
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(() => done()));
  }
}
