#!/usr/bin/env lua5.4
-- Adds `x-NAME: 1` to each response. Needs lua-cjson. Weir runs .lua files over standard input and output.
local json = require "cjson"

function print(...) -- not into the connection
  io.stderr:write(table.concat({ ... }, "\t"), "\n")
end

local handlers = {}

function handlers.initialize()
  return { name = "NAME", version = "0.1", hooks = { { name = "response", fields = { "flow.response.headers" } } } }
end

function handlers.response(params)
  local headers = params.flow.response.headers
  table.insert(headers, { "x-NAME", "1" })
  return { flow = { response = { headers = headers } } }
end

local function nothing() end -- ping, shutdown

for line in io.lines() do
  local message = json.decode(line)
  if message.id and message.method then -- the others are notifications, which want no answer
    local is_done, result = pcall(handlers[message.method] or nothing, message.params)
    if not is_done then print(result) end
    local answer = is_done and '"result":' .. (result and json.encode(result) or "{}")
      or '"error":' .. json.encode { code = -32000, message = tostring(result) }
    -- lua-cjson writes 14 digits of a number, and an id may have 16.
    io.write(('{"jsonrpc":"2.0","id":%d,%s}\n'):format(message.id, answer))
    io.flush()
  end
end
