local Complex = {}
Complex.__index = Complex
local function complex(re, im) return setmetatable({ re = re, im = im }, Complex) end
Complex.__add = function(a, b) return complex(a.re + b.re, a.im + b.im) end
Complex.__mul = function(a, b)
	if type(a) == "number" then return complex(a * b.re, a * b.im) end
	return complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
end
Complex.__unm = function(a) return complex(-a.re, -a.im) end
Complex.__eq = function(a, b) return a.re == b.re and a.im == b.im end
Complex.__lt = function(a, b) return a:abs() < b:abs() end
Complex.__le = function(a, b) return a:abs() <= b:abs() end
Complex.__len = function() return 2 end
Complex.__call = function(self, x) return self.re * x + self.im end
Complex.__concat = function(a, b) return tostring(a) .. "~" .. tostring(b) end
Complex.__tostring = function(c) return ("(%g%+gi)"):format(c.re, c.im) end
Complex.__idiv = function() return "idiv" end
Complex.__band = function() return "band" end
Complex.__shl = function() return "shl" end
Complex.__pairs = function(c) return function(_, k) if not k then return 1, c.re elseif k == 1 then return 2, c.im end end, c end
function Complex:abs() return math.sqrt(self.re ^ 2 + self.im ^ 2) end
local a, b = complex(1, 2), complex(3, -1)
print(tostring(a + b), tostring(a * b), tostring(2 * a), tostring(-a), a == complex(1, 2), a < b, a >= b)
print(#a, a(10), a .. b, a // 1, a & 1, a << 1)
for k, v in pairs(b) do io.write(k, "=", v, " ") end print()
local proxy = setmetatable({}, {
	__index = function(_, k) return k .. "!" end,
	__newindex = function(t, k, v) rawset(t, k, v * 2) end,
})
proxy.x = 21
print(proxy.x, proxy.y, rawget(proxy, "y"), rawlen({ 1, 2 }), rawequal(proxy, proxy))
local Animal = setmetatable({}, { __call = function(class, name) return setmetatable({ name = name }, { __index = class }) end })
function Animal:speak() return self.name .. " speaks" end
local Dog = setmetatable({}, { __index = Animal, __call = getmetatable(Animal).__call })
function Dog:speak() return Animal.speak(self) .. ": woof" end
print(Animal("cat"):speak(), Dog("rex"):speak())
print(pcall(setmetatable, setmetatable({}, { __metatable = "locked" }), {}))
print(getmetatable("").__index == string, getmetatable(setmetatable({}, { __metatable = "locked" })))
print("passed")
