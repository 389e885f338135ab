// A receiver as the documentation of Allthings' webhooks describes it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const tolerance = 2 * 60 * 1000; // milliseconds

// The signature is right, and the time is before now and not older than two minutes.
function hasVerifiedPayload(secret, headers, body) {
  const expected = Buffer.from(createHmac('sha256', secret).update(body).digest('hex'));
  const given = Buffer.from(headers['x-allthings-signature']);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
  const sent = Number(headers['x-allthings-signature-timestamp']);
  const now = Date.now();
  return sent < now && sent > now - tolerance;
}

function answer(headers, body) {
  if (!('x-allthings-signature' in headers)) return [200, 'test'];
  if (!hasVerifiedPayload(process.env.WEBHOOK_SECRET, headers, body)) return [401, 'not verified'];
  const { event } = JSON.parse(body);
  switch (event.name) {
    case 'ticket.created':
      return [200, event.data.id];
    case 'ticket.updated':
      return [200, Object.keys(event.data.delta).join()];
    default:
      return [400, 'unexpected type'];
  }
}

createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const [status, message] = answer(req.headers, Buffer.concat(chunks));
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}).listen(process.env.PORT, '127.0.0.1');
