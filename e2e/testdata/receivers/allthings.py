"""A receiver as the documentation of Allthings' webhooks describes it."""
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 2 * 60 * 1000  # milliseconds


def has_verified_payload(secret, headers, body):
    """The signature is right, and the time is before now and not older than two minutes."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, headers["x-allthings-signature"]):
        return False
    sent = int(headers["x-allthings-signature-timestamp"])
    now = int(time.time() * 1000)
    return now - TOLERANCE < sent < now


def answer(headers, body):
    if "x-allthings-signature" not in headers:
        return 200, "test"
    if not has_verified_payload(os.environ["WEBHOOK_SECRET"], headers, body):
        return 401, "not verified"
    event = json.loads(body)["event"]
    if event["name"] == "ticket.created":
        return 200, event["data"]["id"]
    if event["name"] == "ticket.updated":
        return 200, ",".join(event["data"]["delta"])
    return 400, "unexpected type"


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
