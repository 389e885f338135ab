"""A receiver as the documentation of Showpass' webhooks describes it."""
import hashlib
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

seen = set()  # what was done is not done again


def answer(headers, body):
    event = json.loads(body)
    expected = hmac.new(os.environ["WEBHOOK_SECRET"].encode(), event["id"].encode(), hashlib.sha1).hexdigest()
    if not hmac.compare_digest(expected, headers.get("X-SHOWPASS-SIGNATURE", "")):
        return 401, "not verified"
    if event["event_type"] == "webhook.test":
        return 200, "test"
    if not event["event_type"].startswith("invoice.") or not isinstance(event["data"], dict):
        return 400, "unexpected type"
    if event["webhook_event_uuid"] in seen:
        return 200, "again"
    seen.add(event["webhook_event_uuid"])
    return 200, event["id"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        status, message = answer(self.headers, self.rfile.read(int(self.headers["content-length"])))
        content = json.dumps({"message": message}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
