-- Words are counted, records sorted, numbers computed: what a script does.
local state = 7
local function random(m)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % m
end

local words, counts = {}, {}
for i = 1, 60000 do
    words[i] = string.char(97 + random(26), 97 + random(26), 97 + random(3))
end
for word in table.concat(words, " "):gmatch("%a+") do
    counts[word] = (counts[word] or 0) + 1
end
local keys = {}
for word in pairs(counts) do keys[#keys + 1] = word end
table.sort(keys, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
end)
for i = 1, 5 do print(keys[i], counts[keys[i]]) end

local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(fib(24))

local matrix, n = {}, 60
for i = 1, n do
    matrix[i] = {}
    for j = 1, n do matrix[i][j] = random(100) / 10 end
end
local trace = 0
for i = 1, n do
    for j = 1, n do
        local sum = 0
        for k = 1, n do sum = sum + matrix[i][k] * matrix[k][j] end
        if i == j then trace = trace + sum end
    end
end
print(math.floor(trace))
