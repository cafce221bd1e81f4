#include "run_lua.h"

static const char program[] =
    "local n = ...\n"
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local sum = 0\n"
    "for round = 1, n do\n"
    "  sum = sum + fib(22)\n"
    "  local sieve, count = {}, 0\n"
    "  for i = 2, 60000 do\n"
    "    if not sieve[i] then\n"
    "      count = count + 1\n"
    "      for j = i * i, 60000, i do sieve[j] = true end\n"
    "    end\n"
    "  end\n"
    "  local x, y = 0.0, 0.0\n"
    "  for i = 1, 100000 do\n"
    "    x, y = x * x - y * y + 0.3, 2 * x * y + 0.04\n"
    "    if x * x + y * y > 4 then x, y = 0.0, 0.0 end\n"
    "  end\n"
    "  sum = sum * 31 + count + math.floor(x * 1000) + math.floor(y * 1000)\n"
    "end\n"
    "return sum % 1000000007\n";

int run(int n) { return run_lua(program, n); }
