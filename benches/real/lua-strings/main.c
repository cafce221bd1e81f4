#include "run_lua.h"

static const char program[] =
    "local n = ...\n"
    "local sum, state = 0, 7\n"
    "local function random(m) state = (state * 1103515245 + 12345) % 2147483648; return state // 65536 % m end\n"
    "for round = 1, n do\n"
    "  local parts = {}\n"
    "  for i = 1, 4000 do\n"
    "    parts[#parts + 1] = string.format('%s=%d;', string.char(97 + random(26), 97 + random(26)), random(1000))\n"
    "  end\n"
    "  local text, counts = table.concat(parts, ' '), {}\n"
    "  for key, value in text:gmatch('(%a+)=(%d+);') do\n"
    "    counts[key] = (counts[key] or 0) + tonumber(value)\n"
    "  end\n"
    "  local other = text:gsub('%d%d+', function(digits) return digits:reverse() end):upper()\n"
    "  for key, value in pairs(counts) do sum = sum + value * #key end\n"
    "  local at, found = 1, 0\n"
    "  while at do at = other:find('A%u=', at + 1); found = found + 1 end\n"
    "  for i = 1, #other, 7 do sum = (sum * 31 + other:byte(i)) % 1000000007 end\n"
    "  sum = sum + found + #other:rep(3):sub(5, -5)\n"
    "end\n"
    "return sum % 1000000007\n";

int run(int n) { return run_lua(program, n); }
