local function permutations(list, n)
	n = n or #list
	if n <= 1 then coroutine.yield(list) return end
	for i = 1, n do
		list[n], list[i] = list[i], list[n]
		permutations(list, n - 1)
		list[n], list[i] = list[i], list[n]
	end
end
for list in coroutine.wrap(function() permutations { 1, 2, 3 } end) do print(table.concat(list, " ")) end
local co = coroutine.create(function(a, b)
	local c = coroutine.yield(a + b)
	local d, e = coroutine.yield(c * 2)
	error({ code = d + e })
end)
print(coroutine.resume(co, 1, 2))
print(coroutine.resume(co, 10))
local ok, why = coroutine.resume(co, 3, 4)
print(ok, why.code, coroutine.status(co), coroutine.resume(co))
-- Through pcall, a metamethod, an iterator and table.sort, all of which are C.
local seen = {}
local deep = coroutine.wrap(function()
	print(pcall(function() coroutine.yield("in pcall"); error("out", 0) end))
	local t = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end })
	print(t.key)
	for v in (function() return coroutine.yield("in for") end) do print(v) break end
	return "finished"
end)
print(deep()) print(deep()) print(deep("value")) print(deep("item"))
local many = {}
for i = 1, 2000 do many[i] = coroutine.wrap(function() local n = i while true do coroutine.yield(n) n = n * 2 end end) end
local sum = 0
for _ = 1, 3 do for i = 1, 2000 do sum = sum + many[i]() end end
print(sum)
print(coroutine.isyieldable(), coroutine.close(coroutine.create(print)))
print(select(2, coroutine.resume(coroutine.create(function() table.sort({ 3, 2, 1 }, coroutine.yield) end))))
print("passed")
