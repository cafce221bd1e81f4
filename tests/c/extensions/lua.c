/* Lua, running a script. */
#include <stdio.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

int main(int argc, char **argv)
{
	lua_State *state = luaL_newstate();
	luaL_openlibs(state);
	if (luaL_dofile(state, argv[1])) {
		puts(lua_tostring(state, -1));
		return 1;
	}
	lua_close(state);
	return 0;
}
