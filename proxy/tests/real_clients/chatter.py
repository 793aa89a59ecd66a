"""A client made with Python's irc, told line by line what to do; it comes back by its library's own rules. See irc.rs."""

import sys
import threading

from irc.bot import ExponentialBackoff, SingleServerIRCBot

ROOM = "#belay"


def tell(line):
    print(line, flush=True)


class Chatter(SingleServerIRCBot):
    def on_welcome(self, connection, event):
        connection.join(ROOM)

    def on_endofnames(self, connection, event):
        tell("joined")

    def on_pubmsg(self, connection, event):
        tell(f"heard {event.arguments[0]}")

    def on_pong(self, connection, event):
        tell("pong")

    def on_ping(self, connection, event):
        tell("ping")

    def on_disconnect(self, connection, event):
        tell("gone")


def obey(chatter):
    for line in sys.stdin:
        command, _, rest = line.rstrip("\n").partition(" ")
        if command == "say":
            chatter.connection.privmsg(ROOM, rest)
        elif command == "ping":
            chatter.connection.ping(rest)


name, port = sys.argv[1], int(sys.argv[2])
at_once = ExponentialBackoff(min_interval=0.1, max_interval=0.5)
chatter = Chatter([("127.0.0.1", port)], name, name, recon=at_once)
threading.Thread(target=obey, args=[chatter], daemon=True).start()
chatter.start()
