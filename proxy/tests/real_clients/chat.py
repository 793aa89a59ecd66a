"""A client made with Python's websockets, told line by line what to do; see people.rs."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


def tell(line):
    print(line, flush=True)


async def obey(ws):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, _, rest = line.rstrip("\n").partition(" ")
        if command == "say":
            await ws.send(rest)
        elif command == "ping":
            await (await ws.ping())
            tell("pong")
        elif command == "close":
            code, _, reason = rest.partition(" ")
            await ws.close(int(code), reason)


async def main():
    # No pings but those that it is told to send.
    async with connect(sys.argv[1], ping_interval=None, compression=None) as ws:
        tell("open")
        obeying = asyncio.create_task(obey(ws))
        try:
            while True:
                tell(f"heard {await ws.recv()}")
        except ConnectionClosed:
            tell(f"closed {ws.close_code} {ws.close_reason}".rstrip())
        obeying.cancel()


try:
    asyncio.run(main())
except ConnectionClosed:
    pass
