// What surrounds the script of a user: it is run once, before any of them, and gives the
// functions that Go calls. It keeps to itself what a script might replace.
(function (print) {
  "use strict";
  const { Error, Function, InternalError, TypeError, Promise, String } = globalThis;
  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const { keys } = Object;
  const indexOf = Function.prototype.call.bind(String.prototype.indexOf);
  const slice = Function.prototype.call.bind(String.prototype.slice);
  const matches = Function.prototype.call.bind(RegExp.prototype.exec);
  const then = Function.prototype.call.bind(Promise.prototype.then);
  const place = /transform\.js:(\d+)(?::(\d+))?/;
  const hex = parseInt;
  const maxMessage = 1000;

  // Random numbers, of the event (sfc32).
  let seed = "", a = 0, b = 0, c = 0, d = 1;
  const next = () => {
    if (seed) {
      a = hex(slice(seed, 1, 9), 16) | 0;
      b = hex(slice(seed, 9, 17), 16) | 0;
      c = hex(slice(seed, 17, 25), 16) | 0;
      seed = "";
      for (let i = 0; i < 12; i++) next();
    }
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  Math.random = function random() {
    return (next() * 0x200000 + (next() >>> 11)) / 0x20000000000000;
  };

  // As many lines are printed as are kept, and one that says that there were more.
  let printing = false, lines = 101;
  const shown = (v) => {
    try {
      if (typeof v === "string") return v;
      if (typeof v === "object" && v !== null && !(v instanceof Error)) return stringify(v) ?? "[object]";
      return String(v);
    } catch {
      return "[" + typeof v + "]";
    }
  };
  const log = function () {
    if (!printing || lines-- <= 0) return;
    let text = "";
    for (let i = 0; i < arguments.length; i++) text += (i ? " " : "") + slice(shown(arguments[i]), 0, maxMessage);
    print(slice(text, 0, maxMessage));
  };
  globalThis.console = { log, debug: log, info: log, warn: log, error: log };

  // What Go reads: what it is, its parts as JSON, and a body as it is. A zero would end it.
  const told = (kind, parts, body) => {
    const head = parts ? kind + stringify(parts) : kind;
    if (body === undefined) return head;
    return indexOf(body, "\0") < 0 ? head + "\nt" + body : head + "\nj" + stringify(body);
  };
  const failed = (kind, message) => "!" + stringify({ kind, message: slice(message, 0, maxMessage) });
  const threw = (e) => {
    let message = "it threw something that cannot be shown", stack = "";
    try {
      if (e === null) return failed("null", "it threw null, which is no Error"); // as the engine does without memory
      if (e instanceof InternalError && slice(e.message, 0, 13) === "out of memory") return failed("memory", "");
      if (e instanceof Error) {
        message = String(e.name) + ": " + String(e.message);
        stack = String(e.stack);
      } else if (typeof e === "object" && e !== null) {
        message = "it threw " + shown(e) + ", which is no Error";
      } else if (typeof e === "symbol" || typeof e === "function") {
        message = "it threw a " + typeof e + ", which is no Error";
      } else {
        message = "it threw " + (typeof e === "string" ? stringify(e) : String(e)) + ", which is no Error";
      }
    } catch {}
    try {
      place.lastIndex = 0;
      const at = matches(place, slice(stack, 0, 4000));
      if (at) return "!" + stringify({ kind: "error", message: slice(message, 0, maxMessage), line: +at[1], column: +(at[2] ?? 0) });
    } catch {}
    return failed("error", message);
  };

  const wrong = (message) => failed("result", message);
  const called = (v) => (v === null ? "null" : isArray(v) ? "an array" : typeof v === "object" ? "an object" : typeof v === "undefined" ? "nothing" : "a " + typeof v);
  const result = (r) => {
    if (typeof r !== "object" || r === null || isArray(r))
      return wrong("transform must return an object, such as {body} or {skip: true}; it returned " + called(r));
    const names = keys(r);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name !== "method" && name !== "url" && name !== "headers" && name !== "body" && name !== "skip")
        return wrong("the result has " + stringify(slice(name, 0, 100)) + "; it may have method, url, headers, body and skip");
    }
    const { skip, method, url, headers, body } = r;
    if (skip !== undefined && skip !== false) {
      if (skip !== true && typeof skip !== "string") return wrong("skip must be true or a reason in words; it is " + called(skip));
      return told("s", { reason: skip === true ? "" : slice(skip, 0, maxMessage) });
    }
    let parts;
    if (method !== undefined) {
      if (typeof method !== "string") return wrong("method must be a string; it is " + called(method));
      parts = { method };
    }
    if (url !== undefined) {
      if (typeof url !== "string") return wrong("url must be a string; it is " + called(url));
      (parts ??= {}).url = url;
    }
    if (headers !== undefined) {
      const list = listed(headers);
      if (typeof list === "string") return list;
      (parts ??= {}).headers = list;
    }
    if (typeof body === "string") return told("b", parts, body);
    if (body === undefined) {
      if (method === "GET" || method === "DELETE") return told("n", parts);
      return wrong('the result has no body: return {body}, or {skip: true} if nothing is to be sent');
    }
    return written("body", body, (text) => told("v", parts, text));
  };
  // listed gives headers as a list, or what is wrong with them.
  const listed = (headers) => {
    if (typeof headers !== "object" || headers === null || isArray(headers)) return wrong("headers must be an object; it is " + called(headers));
    const list = [];
    const names = keys(headers);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const value = headers[name];
      if (typeof value !== "string") return wrong("the header " + stringify(slice(name, 0, 100)) + " must be a string; it is " + called(value));
      list[list.length] = [name, value];
    }
    return list;
  };
  const written = (what, v, then) => {
    let text;
    try {
      text = stringify(v);
    } catch (e) {
      if (e instanceof TypeError) return wrong("the " + what + " cannot be written as JSON: " + String(e.message));
      throw e;
    }
    if (text === undefined) return wrong("the " + what + " cannot be written as JSON: it is " + called(v));
    return then(text);
  };

  // What a handler returns is the webhook that it was given. What it does not know is
  // nothing to it: Svix's own scripts may leave there what they like.
  let url, original;
  const handled = (w) => {
    if (typeof w !== "object" || w === null || isArray(w))
      return wrong("handler must return the webhook that it was given (with cancel = true, nothing is sent); it returned " + called(w));
    if (w.cancel === true) return told("s", { reason: "" });
    if (w.cancel !== false && w.cancel !== undefined && w.cancel !== null) return wrong("cancel must be true or false; it is " + called(w.cancel));
    let parts;
    const { method, payload, headers } = w;
    if (method !== undefined && method !== null && method !== "POST") {
      if (method !== "PUT" && method !== "PATCH")
        return wrong("method must be POST, PUT or PATCH; it is " + (typeof method === "string" ? stringify(slice(method, 0, 100)) : called(method)));
      parts = { method };
    }
    if (w.url !== undefined && w.url !== null && w.url !== url) {
      if (typeof w.url !== "string") return wrong("url must be a string; it is " + called(w.url));
      (parts ??= {}).url = w.url;
    }
    if (headers !== undefined && headers !== null) {
      const list = listed(headers);
      if (typeof list === "string") return list;
      (parts ??= {}).headers = list;
    }
    return written("payload", payload, (text) => {
      if (text === original) return told("o", parts);
      return typeof payload === "string" ? told("b", parts, payload) : told("v", parts, text);
    });
  };

  let main, handles, settled, value;
  const made = (r) => (handles ? handled(r) : result(r));
  const missing = () =>
    failed(
      "error",
      handles
        ? "the script defines no function handler: write function handler(webhook) { return webhook }"
        : "the script defines no function transform: write function transform(event) { return { body: event.data } }",
    );

  return {
    // load takes the function that the script was made into.
    load(script) {
      main = script;
    },
    // loadHandler is load for a script that defines a handler.
    loadHandler(script) {
      main = script;
      handles = true;
    },
    // check says what can be said before there is an event.
    check() {
      try {
        return typeof main() === "function" ? "n" : missing();
      } catch (e) {
        return threw(e);
      }
    },
    // run takes whether to print (0 or 1), three seeds of 8 hexadecimal digits, and the event.
    run(input) {
      try {
        printing = input[0] === "1";
        seed = slice(input, 0, 25);
        let given;
        if (handles) { // before the script can change what JSON is
          given = parse(slice(input, 25));
          url = given.url;
          original = stringify(given.payload);
        }
        const f = main();
        if (typeof f !== "function") return missing();
        const r = f(given ?? parse(slice(input, 25)));
        if (r instanceof Promise) {
          then(r, (v) => { settled = 1; value = v; }, (v) => { settled = 2; value = v; });
          return "p";
        }
        return made(r);
      } catch (e) {
        return threw(e);
      }
    },
    // settle says what came of a promise, when nothing is left to be done.
    settle() {
      try {
        if (settled === 1) return made(value);
        if (settled === 2) return threw(value);
        return failed("error", "the promise that " + (handles ? "handler" : "transform") + " returned never settles: there are no timers and nothing to wait for");
      } catch (e) {
        return threw(e);
      }
    },
    // fault tells what was thrown while the script was loaded.
    fault(e) {
      return threw(e);
    },
  };
})
