-- For wrk: posts a document again and again, or asks for the URL.   wrk -s ask.lua URL [-- DOCUMENT TOKEN VARIABLES [IDS]]
-- In VARIABLES, KEY stands for a fresh idempotency key, and ID for one of the lines of the file IDS.
local bodies, ids = {}, {}
local hex = "0123456789abcdef"

local function key()
  return (("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx"):gsub("x", function()
    local n = math.random(1, 16)
    return hex:sub(n, n)
  end))
end

local function quoted(text)
  return '"' .. text:gsub('[\\"]', '\\%0'):gsub("\n", "\\n") .. '"'
end

local threads = {}
function setup(thread)
  threads[#threads + 1] = thread
  thread:set("number", #threads)
end

function init(arguments)
  if not arguments[1] then return end
  math.randomseed(os.time() * 100 + number)
  local file = assert(io.open(arguments[1]))
  bodies[1] = '{"query":' .. quoted(file:read("*a")) .. ',"variables":'
  bodies[2] = arguments[3] .. "}"
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  wrk.headers["authorization"] = "Bearer " .. arguments[2]
  if arguments[4] then
    for id in io.lines(arguments[4]) do ids[#ids + 1] = id end
  end
end

function request()
  if not bodies[1] then return wrk.format() end
  local variables = bodies[2]:gsub("KEY", key, 1)
  if #ids > 0 then variables = variables:gsub("ID", ids[math.random(#ids)], 1) end
  return wrk.format(nil, nil, nil, bodies[1] .. variables)
end

-- An answer with errors is not an answer. Global, for `done` to ask each thread.
wrong = 0
function response(status, _, body)
  if status ~= 200 or body:find('"errors"') or body:find('"problems":%[{') then
    if wrong == 0 then io.stderr:write(status, " ", body:sub(1, 300), "\n") end
    wrong = wrong + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  for _, thread in ipairs(threads) do failed = failed + thread:get("wrong") end
  io.write(string.format("%d requests, %.0f/s, p50 %.2f ms, p99 %.2f ms, worst %.0f ms, %d wrong\n",
    summary.requests, summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, latency.max / 1000, failed))
end
