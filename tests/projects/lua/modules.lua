local vector = require "vector"
assert(package.loaded.vector == vector and require "vector" == vector)
local v = vector.new(5)
for i = 1, #v do v[i] = i / 2 end
vector.map(v, function(x) return x * x end)
for i = 1, #v do io.write(v[i], " ") end print()
print(pcall(function() return v[6] end))
print(pcall(function() v[0] = 1 end))
print(pcall(vector.new, -1))
print(pcall(vector.map, {}, print))
-- Errors and coroutines pass through C.
print(pcall(vector.map, v, function(x) if x > 2 then error("too large", 0) end return x end))
print(coroutine.resume(coroutine.create(function() vector.map(v, coroutine.yield) end)))
print((select(2, pcall(require, "nowhere")):gsub("\n.*", "")))
print(package.loadlib("./vector.so", "none") == nil, type(package.loadlib("./vector.so", "luaopen_vector")))
package.preload.made = function(name, how) return { name = name, how = how } end
local made, how = require "made"
print(made.name, how)
print("passed")
