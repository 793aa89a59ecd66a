"""STOMP clients made with stomp.py, told line by line what to do: client.py tcp|ws HOST PORT CLIENTS BEAT_MS; see peers.rs."""

import json
import sys
import threading

import stomp
from stomp.adapter.ws import WSStompConnection

way, host, port, clients, beat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
telling = threading.Lock()
beats = 0


def tell(line):
    with telling:
        print(line, flush=True)


class Listener(stomp.ConnectionListener):
    def on_heartbeat(self):
        global beats
        with telling:
            beats += 1

    def on_message(self, frame):
        tell(f"heard {frame.body}")

    def on_error(self, frame):
        tell(f"error {frame.headers.get('message')}")

    def on_heartbeat_timeout(self):
        tell("timed out")

    def on_disconnected(self):
        tell("disconnected")


def connect():
    # It waits longer than its own rule of half an interval: the machine may be busy.
    options = {"vhost": "/", "heartbeats": (beat, beat), "heart_beat_receive_scale": 4}
    if way == "tcp":
        connection = stomp.Connection12([(host, port)], **options)
    else:
        connection = WSStompConnection([(host, port)], ws_path="/ws", **options)
    connection.set_listener("", Listener())
    connection.connect("guest", "guest", wait=True)
    connection.subscribe("/topic/test", id="1")
    tell("connected")
    return connection


crowd = [connect() for _ in range(clients)]
for line in sys.stdin:
    order, _, text = line.rstrip("\n").partition(" ")
    if order == "count":
        tell(json.dumps(beats))
    elif order == "say":
        crowd[0].send("/topic/test", text)
