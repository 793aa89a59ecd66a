"""A receiver of reports, built from the Standard Webhooks and CloudEvents libraries and a validator of JSON Schema.

Prints one JSON object a line: first {"listening": PORT}, then one for each event as the CloudEvents library understood it, or
{"refused": WHY}. Ends when its standard input does.

usage: webhook_receiver.py PORT SECRET SCHEMA    SCHEMA: the file of the events' data
"""

import http.server
import json
import os
import sys
import threading

import jsonschema
import standardwebhooks
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

PRINTING = threading.Lock()


def say(thing):
    with PRINTING:
        print(json.dumps(thing, sort_keys=True), flush=True)


def understand(body, headers, secret, schema):
    if not headers["content-type"].startswith("application/cloudevents-batch+json"):
        raise ValueError("not a batch of CloudEvents: " + headers["content-type"])
    batch = standardwebhooks.Webhook(secret).verify(body, headers)
    for one in batch:
        event = JSONFormat().read(CloudEvent, json.dumps(one))
        definition = event.get_type().split(".")[1].replace("report", "lost")
        jsonschema.validate(event.get_data(), {**schema, "anyOf": [{"$ref": "#/$defs/" + definition}]})
        yield {
            "id": event.get_id(),
            "source": event.get_source(),
            "type": event.get_type(),
            "subject": event.get_subject(),
            "time": event.get_time().isoformat(),
            "sequence": event.get_extension("sequence"),
            "data": event.get_data(),
        }


def main():
    port, secret = int(sys.argv[1]), sys.argv[2]
    with open(sys.argv[3]) as file:
        schema = json.load(file)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                events = list(understand(body, {name.lower(): value for name, value in self.headers.items()}, secret, schema))
            except Exception as error:
                say({"refused": repr(error)})
                self.send_response(400)
            else:
                for event in events:
                    say(event)
                self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say({"listening": port})
    sys.stdin.read()
    os._exit(0)


main()
