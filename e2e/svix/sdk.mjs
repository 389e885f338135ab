// Svix's client of npm, and the verifiers of both libraries, for a process that writes one
// JSON object a line: {id, call, url, token, args} or {id, verify, secret, headers, body}.
// What came of it is written as {id, value} or {id, refused: {status, body}} or {id, failed}.
import { createInterface } from 'node:readline';
import { ApiException, Svix, Webhook as SvixWebhook } from 'svix';
import { Webhook as StandardWebhook } from 'standardwebhooks';

const verifiers = { svix: SvixWebhook, standardwebhooks: StandardWebhook };
const clients = new Map();

function clientOf(url, token) {
  const key = `${url} ${token}`;
  if (!clients.has(key)) clients.set(key, new Svix(token, { serverUrl: url }));
  return clients.get(key);
}

// What the client wants to have as dates.
const times = new Set(['since', 'until', 'before', 'after', 'deliverAt']);
const withDates = (value) =>
  value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, times.has(k) && typeof v === 'string' ? new Date(v) : v]))
    : value;

async function answer({ call, url, token, args, verify, secret, headers, body }) {
  if (verify) return new verifiers[verify](secret).verify(body, headers);
  const path = call.split('.');
  const method = path.pop();
  const service = path.reduce((client, name) => client[name], clientOf(url, token));
  return service[method](...args.map(withDates));
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const asked = JSON.parse(line);
  let said;
  try {
    said = { value: (await answer(asked)) ?? null };
  } catch (e) {
    said = e instanceof ApiException ? { refused: { status: e.code, body: e.body } } : { failed: e.stack ?? String(e) };
  }
  process.stdout.write(JSON.stringify({ id: asked.id, ...said }) + '\n');
});
