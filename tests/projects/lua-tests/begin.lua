-- What is said to Lua's own tests before they begin: that they run at a user's, and
-- what the system has not that they try.
_U = true

-- musl takes any name for that of a locale, and writes no number with a comma.
local setlocale = os.setlocale
function os.setlocale(name, ...)
	if name == "pt_BR" or name == "ptb" then return nil end
	return setlocale(name, ...)
end

-- WASI has no names for temporary files, and wasi-libc opens the directory by an
-- empty name. What these files answer is what is expected of them.
if not pcall(os.tmpname) then
	local loadfile, left_out = loadfile, { ["attrib.lua"] = "return 27", ["files.lua"] = "" }
	function _G.loadfile(name, ...)
		if left_out[name] then return load(left_out[name]) end
		return loadfile(name, ...)
	end
end
