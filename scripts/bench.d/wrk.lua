-- For wrk: request lines with the origin FORWARD in them, where that is set; PAUSE_MS on the average between a connection's requests, where
-- that is set; the result as one line of JSON.
local pause = tonumber(os.getenv("PAUSE_MS"))
if pause then
  function delay() return math.random(0, 2 * pause) end
end

function init()
  local origin = os.getenv("FORWARD")
  if origin then
    wrk.headers["Host"] = origin
    wrk.path = "http://" .. origin .. wrk.path
  end
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format('RESULT {"requests": %d, "seconds": %.4f, "bytes": %d, "p50_us": %d, "p99_us": %d, "errors": %d}',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
