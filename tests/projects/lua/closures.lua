local function counter(from)
	local n = from
	return function() n = n + 1; return n end, function() return n end
end
local up, get = counter(10)
assert(up() == 11 and up() == 12 and get() == 12)
local made = {}
for i = 1, 5 do made[i] = function(x) i = i + x; return i end end
for i = 1, 5 do io.write(made[i](i), " ") end
print(made[3](100), made[3](1))
local function fix(f)
	return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end)
end
print(fix(function(me) return function(n) return n < 2 and 1 or n * me(n - 1) end end)(15))
print(select("#", nil, nil), select(-1, 1, 2, 3), (select(2, "a", "b", "c")))
local function tail(n) if n == 0 then return "end" end return tail(n - 1) end
print(tail(200000))
do
	local log = {}
	do
		local one <close> = setmetatable({}, { __close = function() log[#log + 1] = "one" end })
		local two <close> = setmetatable({}, { __close = function() log[#log + 1] = "two" end })
		local three <const> = 3
	end
	print(table.concat(log, ","))
end
goto done
print("never")
::done::
print("passed", ...)
