// A mail server that keeps what comes: SMTP over TLS, with user and password, or a relay
// that takes mails of everybody. Its key is no secret: nothing but these tests trusts its
// certificate.
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer as createRelay, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";

const file = (name: string) => readFileSync(join(import.meta.dirname, "certificate", name), "utf8");

export interface Mail {
  user: string;
  from: string;
  to: string[];
  text: string;
}

export class MailServer {
  /** The certificate, which it has from nobody else. */
  static readonly certificate = file("cert.pem");
  readonly received: Mail[] = [];
  private constructor(private readonly server: Server, private readonly scheme: string) {}

  /** Starts one that takes mails of one user. */
  static start(user: string, password: string): Promise<MailServer> {
    const wanted = Buffer.from(`\0${user}\0${password}`).toString("base64");
    return MailServer.listen("smtps", (talk) => createServer({ key: file("key.pem"), cert: MailServer.certificate }, talk), user, wanted);
  }

  /** Starts one that takes mails of everybody, and in the clear. */
  static relay(): Promise<MailServer> {
    return MailServer.listen("smtp+plain", createRelay, "", undefined);
  }

  private static listen(scheme: string, create: (talk: (socket: Socket) => void) => Server, user: string, wanted: string | undefined): Promise<MailServer> {
    const server = create((socket) => {
      const say = (line: string) => socket.write(`${line}\r\n`);
      let mail: Mail = { user: "", from: "", to: [], text: "" };
      let body: string[] | undefined;
      let rest = "";
      const take = (line: string) => {
        if (body) {
          if (line !== ".") return void body.push(line.startsWith(".") ? line.slice(1) : line);
          mail.text = body.join("\n");
          body = undefined;
          made.received.push(mail);
          mail = { user: mail.user, from: "", to: [], text: "" };
          return say("250 taken");
        }
        const address = /<([^>]*)>/.exec(line)?.[1] ?? "";
        switch (line.split(/[ :]/, 1)[0]!.toUpperCase()) {
          case "EHLO": return say(wanted === undefined ? "250 mail.test" : "250-mail.test\r\n250 AUTH PLAIN");
          case "AUTH":
            mail.user = line === `AUTH PLAIN ${wanted}` ? user : "";
            return say(mail.user ? "235 welcome" : "535 wrong user or password");
          case "MAIL":
            mail.from = address;
            return say(mail.user || wanted === undefined ? "250 ok" : "530 authenticate first");
          case "RCPT":
            mail.to.push(address);
            return say("250 ok");
          case "DATA":
            body = [];
            return say("354 go on");
          case "QUIT":
            say("221 bye");
            return void socket.end();
          default: return say("250 ok");
        }
      };
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        const lines = (rest + chunk.toString()).split("\r\n");
        rest = lines.pop()!;
        lines.forEach(take);
      });
      say("220 mail.test");
    });
    const made = new MailServer(server, scheme);
    return new Promise((done) => server.listen(0, "127.0.0.1", () => done(made)));
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    return new Promise((done) => this.server.close(() => done()));
  }
}
