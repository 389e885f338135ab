// Receivers made of nothing but the vendors' own libraries, each with its default
// options. ORACLE_SECRETS has a secret for each path. What a library takes is answered
// 2xx and can be asked for at /last/PATH: the data as the library understood it.
import { createServer } from 'node:http';
import { Webhooks, createNodeMiddleware } from '@octokit/webhooks';
import '@shopify/shopify-api/adapters/node';
import { shopifyApi } from '@shopify/shopify-api';
import bolt from '@slack/bolt';
import { HTTP } from 'cloudevents';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { Webhook as SvixWebhook } from 'svix';

const last = {};

// verified makes a receiver of a function that throws unless it takes the request, and
// else gives the data.
const verified = (take) => async (path, req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  try {
    last[path] = await take(Buffer.concat(chunks).toString(), req, res);
    res.writeHead(204).end();
  } catch (error) {
    res.writeHead(400).end(String(error));
  }
};

const kinds = {
  standard: (secret) => {
    const webhook = new StandardWebhook(secret);
    return verified((body, req) => webhook.verify(body, req.headers));
  },
  svix: (secret) => {
    const webhook = new SvixWebhook(secret);
    return verified((body, req) => webhook.verify(body, req.headers));
  },
  // CloudEvents say nothing of signatures: Standard Webhooks' do.
  cloudevents: (secret) => {
    const webhook = new StandardWebhook(secret);
    return verified((body, req) => {
      webhook.verify(body, req.headers);
      const event = HTTP.toEvent({ headers: req.headers, body });
      event.validate();
      if (!event.id.startsWith('evt_') || !event.source.startsWith('/apps/') || !event.time) throw new Error('attributes are missing');
      return event.data;
    });
  },
  stripe: (secret) =>
    verified((body, req) => Stripe.webhooks.constructEvent(body, req.headers['stripe-signature'], secret).data.object),
  github: (secret, path) => {
    const webhooks = new Webhooks({ secret });
    webhooks.on('issues.opened', ({ payload }) => {
      last[path] = payload;
    });
    const middleware = createNodeMiddleware(webhooks, { path: `/${path}`, log: { debug() {}, info() {}, warn() {}, error() {} } });
    return (_, req, res) => middleware(req, res);
  },
  shopify: (secret) => {
    const shopify = shopifyApi({
      apiKey: 'key', apiSecretKey: secret, scopes: [], hostName: 'receiver.example', apiVersion: '2025-10', isEmbeddedApp: false,
      logger: { log() {} },
    });
    return verified(async (rawBody, rawRequest, rawResponse) => {
      const result = await shopify.webhooks.validate({ rawBody, rawRequest, rawResponse });
      if (!result.valid) throw new Error(`${result.reason} ${result.missingHeaders ?? ''}`);
      const told = [result.topic, result.domain, result.apiVersion].join(' ');
      if (!/^(ORDERS_CREATE|WEBHOOK_TEST) shopify.myshopify.com 2025-10$/.test(told)) throw new Error(told);
      return JSON.parse(rawBody);
    });
  },
  slack: (secret, path) => {
    const receiver = new bolt.HTTPReceiver({ signingSecret: secret, endpoints: [`/${path}`], logLevel: 'error' });
    const app = new bolt.App({ receiver, logLevel: 'error', authorize: async () => ({ botToken: 'none', botId: 'B1', botUserId: 'U1' }) });
    app.event('app_mention', async ({ event }) => {
      last[path] = event;
    });
    return (_, req, res) => receiver.requestListener(req, res);
  },
};

const routes = {};
for (const [path, { kind, secret }] of Object.entries(JSON.parse(process.env.ORACLE_SECRETS))) {
  routes[path] = kinds[kind](secret, path);
}

createServer((req, res) => {
  const [, first, second] = req.url.split('/');
  if (first === 'last') {
    res.end(JSON.stringify(last[second] ?? null));
    delete last[second];
  } else if (routes[first]) {
    Promise.resolve(routes[first](first, req, res)).catch((error) => res.writeHead(500).end(String(error)));
  } else {
    res.writeHead(404).end();
  }
}).listen(process.env.PORT, '127.0.0.1');
