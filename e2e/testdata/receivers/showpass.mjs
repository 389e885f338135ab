// A receiver as the documentation of Showpass' webhooks describes it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const seen = new Set(); // what was done is not done again

function answer(headers, body) {
  const event = JSON.parse(body);
  const expected = Buffer.from(createHmac('sha1', process.env.WEBHOOK_SECRET).update(event.id).digest('hex'));
  const given = Buffer.from(headers['x-showpass-signature'] ?? '');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return [401, 'not verified'];
  if (event.event_type === 'webhook.test') return [200, 'test'];
  if (!event.event_type.startsWith('invoice.') || typeof event.data !== 'object') return [400, 'unexpected type'];
  if (seen.has(event.webhook_event_uuid)) return [200, 'again'];
  seen.add(event.webhook_event_uuid);
  return [200, event.id];
}

createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const [status, message] = answer(req.headers, Buffer.concat(chunks));
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}).listen(process.env.PORT, '127.0.0.1');
