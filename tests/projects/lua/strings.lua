print(("hello world"):find("o w"), ("hello"):find("l+"), ("a.b"):find(".", 1, true), ("x"):find("", 10))
print(("key = value"):match("^(%w+)%s*=%s*(%w+)$"), ("2024-05-06"):match("(%d+)-(%d+)-(%d+)"))
print(("hello"):gsub("l", { l = "L" }), ("abc"):gsub("%w", "%0%0", 2), ("x y"):gsub("(%w) (%w)", "%2 %1"))
print(("the (quick) fox"):gsub("%((%w+)%)", function(w) return "<" .. w:upper() .. ">" end))
print(("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%f[%a]%a+%f[%A]"), ("  trim  "):match("^%s*(.-)%s*$") .. "|")
for k, v in ("a=1, b=2, c=3"):gmatch("(%w+)=(%w+)") do io.write(k, v, ";") end print()
print(("abc"):rep(3, "-"), ("abc"):reverse(), ("aBc"):lower(), ("aBc"):upper(), ("abcdef"):sub(-3, -2), #("\0\1"))
print(("%q"):format("a\nb\0c\"d\\"), ("%s %10.3s|%-8s|"):format(nil, "abcdef", "x"), ("%c%c"):format(72, 105))
print(("%d"):format(3.0), pcall(string.format, "%d", 3.5))
print("\65\x42\u{43}\z
       joined", [[long
text]], [==[a]]b]==])
print(utf8.char(233, 8364, 128512), utf8.len("é€😀"), utf8.codepoint("é", 1), utf8.offset("é€", 2), utf8.len("\xff"))
for p, c in utf8.codes("aé€") do io.write(p, ":", c, " ") end print()
print(("x"):byte(), ("xyz"):byte(1, -1), string.char(120, 121), "a" < "b", "Z" < "a", "" < "a", "a\0b" < "a\0c")
local parts = {}
for i = 1, 20000 do parts[#parts + 1] = ("%d:%s"):format(i, ("x"):rep(i % 7)) end
local all = table.concat(parts, ",")
local count = select(2, all:gsub("x+", ""))
print(#all, count, all:sub(1, 30))
print(pcall(string.rep, "x", -1))
print(select(2, pcall(string.find, "a", "[a")), select(2, pcall(string.gsub, "a", "(", "")))
print(string.dump(function() return 1 end):sub(1, 4) == "\27Lua", load(string.dump(function(x) return x * 2 end))(21))
print("passed")
