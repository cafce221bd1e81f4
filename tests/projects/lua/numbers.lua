print(1 / 3, 10 / 2, 7 // 2, -7 // 2, 7 % -3, -7 % 3, 7.5 // 2, 2 ^ 10, 1e15, 1e16, 2 ^ 53)
print(math.maxinteger, math.mininteger, math.maxinteger + 1 == math.mininteger, math.maxinteger * 2.0)
print(1 == 1.0, math.type(1), math.type(1.0), math.type("1"), 3 | 4, 7 & 2, 5 ~ 1, ~0, 1 << 62, 1 << 64, -1 >> 60)
print(0x10, 0xA.8p0, 0x7fffffffffffffff, 0xffffffffffffffff, 1e308 * 10, -1e308 * 10, 0 / 0 ~= 0 / 0)
print(tonumber("0x1p4"), tonumber("  12  "), tonumber("1e"), tonumber("z", 36), tonumber("8", 8), "10" + 5, "3" * "4")
print(math.floor(-3.5), math.ceil(-3.5), math.tointeger(3.0), math.tointeger(3.5), math.fmod(-7, 3), math.ult(1, -1))
print(string.format("%.14g %.3f %5d|%-5d|%05d %x %X %o %e %a %i", math.pi, math.pi, 42, 42, 42, 255, 255, 8, 12345.678, 1, 3))
print(math.sin(1), math.cos(1), math.tan(1), math.asin(1), math.acos(0), math.atan(1, 2), math.exp(1), math.log(8, 2), math.log(10), math.sqrt(2))
math.randomseed(42)
local same = {}
for i = 1, 5 do same[i] = math.random(1000) end
math.randomseed(42)
for i = 1, 5 do assert(same[i] == math.random(1000)) end
print(table.concat(same, " "), math.random(0) ~= math.random(0))
print(pcall(function() return 1 // 0 end))
print(pcall(function() return 2 ^ 63 | 0 end))
print(8 // 0.0, -8 // 0.0, 0.0 / 0.0 ~= 0.0 / 0.0, 5 % math.huge, -5 % math.huge)
local fib = { 1, 1 }
for i = 3, 90 do fib[i] = fib[i - 1] + fib[i - 2] end
print(fib[90])
for i = 10, 1, -3 do io.write(i, " ") end for i = 0.1, 0.5, 0.1 do io.write(i, " ") end print()
for i = math.maxinteger - 1, math.maxinteger do io.write(i, " ") end print()
print(string.pack(">i4 <d z s1", -2, 1.5, "zero", "len"):byte(1, -1))
print(string.unpack("<i8 >I2", string.pack("<i8 >I2", -5, 65535)))
print("passed")
