local seed = 12345
local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648 return seed % n + 1 end
local list = {}
for i = 1, 20000 do list[i] = random(1000000) end
local copy = table.move(list, 1, #list, 1, {})
table.sort(list)
for i = 2, #list do assert(list[i - 1] <= list[i]) end
table.sort(copy, function(a, b) return a > b end)
for i = 1, #list do assert(list[i] == copy[#copy + 1 - i]) end
print(list[1], list[10000], list[20000])
print(pcall(table.sort, { 3, 1, "x" }))
print(select(2, pcall(table.sort, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, function() return true end)))
print(table.concat({ 1, 2, 3 }, "-", 2), table.unpack({ 1, 2, 3 }, 2), #table.pack(1, nil, 3))
local q = {}
for i = 1, 10 do table.insert(q, 1, i) end
print(table.remove(q, 1), table.remove(q), table.remove(q, 3), table.concat(q, ","))
local grid, n = {}, 9
local function place(row)
	if row > n then return 1 end
	local found = 0
	for c = 1, n do
		local ok = true
		for r = 1, row - 1 do if grid[r] == c or math.abs(grid[r] - c) == row - r then ok = false break end end
		if ok then grid[row] = c found = found + place(row + 1) end
	end
	return found
end
print("queens", place(1))
local sieve, count = {}, 0
for i = 2, 50000 do
	if not sieve[i] then count = count + 1 for j = i * i, 50000, i do sieve[j] = true end end
end
print("primes", count)
print("passed")
