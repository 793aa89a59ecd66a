"""A device on MQTT, by Eclipse Paho, that is told line by line what to do and tells line by line what it sees.

usage: device.py tcp|websockets PORT 3|5 NAME KEEPALIVE clean|kept [WILL_TOPIC]
"""

import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

transport, port, version, name, keepalive, session = sys.argv[1:7]
is_5 = version == "5"


def say(*words):
    print(*words, flush=True)


def on_connect(client, userdata, flags, reason, properties):
    say("connected", "again" if flags.session_present else "anew", str(reason).lower())


def on_disconnect(client, userdata, flags, reason, properties):
    say("disconnected", str(reason).lower())


client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2,
    client_id=name,
    transport=transport,
    protocol=mqtt.MQTTv5 if is_5 else mqtt.MQTTv311,
    reconnect_on_failure=False,
    **({} if is_5 else {"clean_session": session == "clean"}),
)
client.on_connect = on_connect
client.on_disconnect = on_disconnect
client.on_subscribe = lambda client, userdata, mid, reasons, properties: say("subscribed")
client.on_publish = lambda client, userdata, mid, reason, properties: say("published")
client.on_message = lambda client, userdata, message: say("heard", message.topic, message.payload.decode())
if transport == "websockets":
    client.ws_set_options(path="/mqtt")
if len(sys.argv) > 7:
    client.will_set(sys.argv[7], f"{name} is dead", qos=1)

more = {}
if is_5:
    lasting = Properties(PacketTypes.CONNECT)
    lasting.SessionExpiryInterval = 0 if session == "clean" else 3600
    more = {"clean_start": session == "clean", "properties": lasting}
client.connect("127.0.0.1", int(port), int(keepalive), **more)
client.loop_start()

for line in sys.stdin:
    order, *words = line.split()
    if order == "subscribe":
        client.subscribe(words[0], qos=1)
    elif order == "publish":
        client.publish(words[0], words[1], qos=1)
    elif order == "disconnect":
        client.disconnect()
