local weak = setmetatable({}, { __mode = "v" })
local ended = 0
for i = 1, 1000 do
	weak[i] = setmetatable({ i }, { __gc = function() ended = ended + 1 end })
end
collectgarbage() collectgarbage()
print(next(weak), ended)
local before = collectgarbage("count")
local big = {}
for i = 1, 100000 do big[i] = { i, tostring(i) } end
print(collectgarbage("count") - before > 1000)
big = nil
collectgarbage()
print(collectgarbage("count") - before < 1000)
print(collectgarbage("generational"), collectgarbage("incremental"))
for _, mode in ipairs { "generational", "incremental" } do
	collectgarbage(mode)
	local list
	for i = 1, 50000 do list = { list and i % 1000 ~= 0 and list or nil, ("x"):rep(i % 50) } end
end
local keys = setmetatable({}, { __mode = "k" })
do local k = {} keys[k] = { k } end
collectgarbage()
print(next(keys))
local revived
do local _ = setmetatable({}, { __gc = function(o) revived = o end }) end
collectgarbage()
print(type(revived), collectgarbage("isrunning"))
setmetatable({}, { __gc = function() print("at the end") end })
print("passed")
