"""Who is there: takes Belay's reports and says a line for each client that comes, goes, or is back.

usage: presence.py [PORT]           with the secret in BELAY_REPORT_SECRET
       presence.py token NAME       a token that belay.yaml lets in, for an hour
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time

# In belay.yaml too. A real one would be in neither.
TOKEN_KEY = b"this-key-is-for-this-example-alone"
# What is older may be somebody's recording.
SECONDS_OLD = 300

states = {}
heard = {}


def is_belays(headers, body):
    """https://www.standardwebhooks.com: any of the signatures may be by our secret."""
    secret = base64.b64decode(os.environ["BELAY_REPORT_SECRET"].removeprefix("whsec_"))
    ident, when = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(when)) > SECONDS_OLD:
        return False
    ours = hmac.new(secret, f"{ident}.{when}.".encode() + body, hashlib.sha256).digest()
    theirs = [one.removeprefix("v1,") for one in headers["webhook-signature"].split()]
    return any(hmac.compare_digest(base64.b64encode(ours).decode(), one) for one in theirs)


def hear(event):
    # Told again after an answer of ours was lost: we know it already.
    if event["sequence"] <= heard.get(event["source"], ""):
        return
    heard[event["source"]] = event["sequence"]
    data = event["data"]
    if event["type"] == "belay.report.lost":
        print(f"{data['events']} reports are missing here", flush=True)
    elif event["type"].startswith("belay.client."):
        states[data["identity"]] = data["state"]
        why = f" ({data['reason']})" if "reason" in data else ""
        there = sum(state == "connected" for state in states.values())
        print(f"{data['identity']} is {data['state']}{why}; there: {there}", flush=True)


class Reports(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        known = is_belays(self.headers, body)
        if known:
            for event in json.loads(body):
                hear(event)
        self.send_response(204 if known else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


def token(name):
    part = lambda thing: base64.urlsafe_b64encode(json.dumps(thing).encode()).rstrip(b"=")
    signed = part({"alg": "HS256"}) + b"." + part({"sub": name, "exp": int(time.time()) + 3600})
    signature = hmac.new(TOKEN_KEY, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


if sys.argv[1:2] == ["token"]:
    print(token(sys.argv[2]))
else:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7002
    print("listening", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Reports).serve_forever()
