-- Sends requests that are written out beforehand, each once. Arguments: file with the requests one after another, file
-- with the length of each in a line. Prints one line for the program that started it.
local data, starts, lengths = nil, {}, {}

local threads = {}
function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   local file = assert(io.open(args[1], "rb"))
   data = file:read("*a")
   file:close()
   local at = 1
   for line in io.lines(args[2]) do
      starts[#starts + 1] = at
      lengths[#lengths + 1] = tonumber(line)
      at = at + tonumber(line)
   end
   taken = 0
end

function request()
   -- Starts again at the end: the program sees from `taken` that there were too few.
   local i = taken % #starts + 1
   taken = taken + 1
   return data:sub(starts[i], starts[i] + lengths[i] - 1)
end

function done(summary, latency, requests)
   local e = summary.errors
   print(string.format("result %d %d %d %d %d %d %d", summary.requests, summary.duration,
      e.connect + e.read + e.write + e.timeout, e.status, latency:percentile(50), latency:percentile(99),
      threads[1]:get("taken")))
end
