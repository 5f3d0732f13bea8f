-- Sends the requests of a file in turn, and prints what became of them as one line of JSON.
-- A line of the file: method, path, Authorization, body; tabs between them.

local requests = {}
local place = 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, authorization, body = line:match("^(%S+)\t(%S+)\t([^\t]*)\t(.*)$")
    local headers = { ["Authorization"] = authorization, ["Content-Type"] = "application/json" }
    requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
