print(pcall(error, "text", 0), pcall(error, { 1 }) == false, pcall(error))
print(select(2, pcall(function() local x; x.y = 1 end)))
print(select(2, pcall(function() return 1 + {} end)))
print(select(2, pcall(function() return #5 end)))
print(select(2, pcall(function() return "a" < 1 end)))
print(select(2, pcall(string.rep)), select(2, pcall(("x").bad)))
print(xpcall(function() error("deep", 2) end, function(m) return "handled " .. tostring(m) end))
local function overflow() return overflow() + 1 end
local ok, why = pcall(overflow)
print(ok, (why:gsub("\n.*", "")))
local n = 0
local function nest() n = n + 1; local ok, e = pcall(nest); if not ok then error(e, 0) end end
print((pcall(nest)), n > 100)
print(load("x = = 1", "chunk"))
print(load("return ...", "c", "t", {})(7))
print(pcall(load, "x", "c", "q"))
for _ = 1, 3000 do
	assert(not pcall(error, "again"))
end
local t = setmetatable({}, { __tostring = function() return "my error" end })
print(select(2, pcall(error, t)), tostring(select(2, pcall(error, t))) == "my error")
print((debug.traceback("trace", 1):gsub("%S+:", "F:")))
warn("@on")
print("passed")
