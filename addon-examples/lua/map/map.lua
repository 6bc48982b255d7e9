#!/usr/bin/env lua5.4
-- Maps requests to other hosts, by the option map_hosts: FROM=TO, where TO is HOST, HOST:PORT or http(s)://HOST:PORT. Needs lua-cjson.
-- Run: weir --addon addon-examples/lua/map/map.lua --set map_hosts=www.example.com=localhost:3000
-- Lua's own library cannot open a descriptor by its number: weir runs .lua files over standard input and output.
local json = require "cjson"
local hosts = {}

function print(...) -- not into the connection
  io.stderr:write(table.concat({ ... }, "\t"), "\n")
end

local hello = {
  name = "map-lua",
  version = "1",
  hooks = { "configure", { name = "request", fields = { "flow.request.host", "flow.request.port", "flow.request.scheme", "flow.request.authority", "flow.request.headers" } } },
  options = { { name = "map_hosts", type = "sequence of str", help = "FROM=TO: requests for the host FROM go to TO." } },
  limits = { max_line = 1 << 20 },
}

local function target(text)
  local scheme, rest = text:match "^(https?)://(.+)$"
  rest = rest or text
  local host, port = rest:match "^%[(.+)%]:?(%d*)$"
  if not host then host, port = rest:match "^([^:/%[%]]+):?(%d*)$" end
  return host and { host = host, port = math.tointeger(tonumber(port)), scheme = scheme }
end

local function configure(params)
  local found = {}
  for _, entry in ipairs(params.options.map_hosts) do
    local from, to = entry:match "^([^=]+)=(.+)$"
    local place = to and target(to)
    if not place then error("map_hosts: '" .. entry .. "' is not FROM=TO", 0) end
    found[from:lower()] = place
  end
  hosts = found
end

local function is_host(pair)
  return type(pair[1]) == "string" and pair[1]:lower() == "host"
end

local function request(params)
  local request = params.flow.request
  local place = hosts[request.host:lower()]
  if not place then return end
  local scheme = place.scheme or request.scheme
  local usual = scheme == "https" and 443 or 80
  local port = place.port or (place.scheme and usual) or request.port
  local host = place.host:find ":" and "[" .. place.host .. "]" or place.host
  local authority = port == usual and host or ("%s:%d"):format(host, port)
  local changed = { host = place.host, port = port, scheme = scheme }
  if request.authority ~= "" then changed.authority = authority end
  for _, pair in ipairs(request.headers) do
    if is_host(pair) then
      pair[2] = authority
      -- Only where there is one: lua-cjson would write an empty list as an object.
      changed.headers = request.headers
    end
  end
  return { flow = { request = changed } }
end

local handlers = { configure = configure, request = request, initialize = function() return hello end }

local function nothing() end

for line in io.lines() do
  local message = json.decode(line)
  local id = message.id
  if id and message.method then
    local is_done, result = pcall(handlers[message.method] or nothing, message.params)
    local answer
    if is_done then
      answer = '"result":' .. (result and json.encode(result) or "{}")
    else
      print(result)
      answer = '"error":' .. json.encode { code = -32000, message = tostring(result) }
    end
    -- lua-cjson writes 14 digits of a number, and an id may have 16.
    io.write(('{"jsonrpc":"2.0","id":%d,%s}\n'):format(id, answer))
    io.flush()
  end
end
