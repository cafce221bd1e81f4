local name = "files.tmp"
local out = assert(io.open(name, "w"))
for i = 1, 500 do out:write(i, "\t", i * i, "\n") end
print(out:seek("cur"), out:seek("set", 2), out:write("X") == out, out:close() == true)
local sum = 0
for line in io.lines(name) do local a, b = line:match("(%S+)\t(%d+)") sum = sum + (tonumber(b) or 0) end
print(sum)
local f = assert(io.open(name, "r+b"))
print(f:read(3), f:read("l"), f:read("n", "n"), f:read("L"))
f:seek("end", -4) print(f:read("a")) print(f:read("a"), f:read("l"), f:read(0))
f:setvbuf("full", 64) f:seek("set") f:write(("y"):rep(200)) f:close()
print(#assert(io.open(name)):read("a"))
print(io.type(f), io.type(io.stdout), io.type(1))
-- The numbers of errors are the system's own.
local function told(done, text) return done, text end
print(told(io.open("missing/none")))
print(pcall(io.lines, "missing"))
print(os.rename(name, "files.new"), os.remove("files.new"), told(os.remove("files.new")))
local temporary = io.tmpfile and os.tmpname and true
print(temporary, type(os.time()), os.time { year = 2001, month = 9, day = 9, hour = 12 } > 1e9, os.getenv("NOT_SET"))
print(os.date("!%Y-%m-%d %H:%M:%S", 86400 * 365), os.date("!*t", 0).year, os.clock() >= 0)
io.stdout:write("a", 1, 2.5, "\n")
print("passed")
