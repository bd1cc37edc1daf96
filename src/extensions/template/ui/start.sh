#!/bin/sh
# Luna starts this with the port to listen on; its own bun comes first on the PATH.
exec bun server.ts "$1"
