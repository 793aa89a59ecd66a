"""An application's container: an echo server made with Python's websockets, on the port of its first argument. On SIGTERM it
goes on for as many seconds as its second argument says, then ends its connections with 1001, as that library does."""

import asyncio
import signal
import sys

from websockets.asyncio.server import serve


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def main():
    told_to_go = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_go.set)
    async with serve(echo, "127.0.0.1", int(sys.argv[1]), compression=None, ping_interval=None):
        print("serving", flush=True)
        await told_to_go.wait()
        print("told to go", flush=True)
        await asyncio.sleep(float(sys.argv[2]))
    print("gone", flush=True)


asyncio.run(main())
