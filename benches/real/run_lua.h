/* Runs a program in Lua, which answers a number. */
#include <lauxlib.h>
#include <lualib.h>

#include "data.h"

static int run_lua(const char *program, int n) {
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base}, {LUA_TABLIBNAME, luaopen_table}, {LUA_STRLIBNAME, luaopen_string},
        {LUA_MATHLIBNAME, luaopen_math}, {LUA_COLIBNAME, luaopen_coroutine},
    };
    lua_State *lua = luaL_newstate();
    for (u32 i = 0; i < LENGTH(libraries); i++) {
        luaL_requiref(lua, libraries[i].name, libraries[i].func, 1);
        lua_pop(lua, 1);
    }
    int sum = -1;
    if (luaL_loadstring(lua, program) == LUA_OK) {
        lua_pushinteger(lua, n);
        if (lua_pcall(lua, 1, 1, 0) == LUA_OK)
            sum = (int)lua_tointeger(lua, -1);
    }
    lua_close(lua);
    return sum;
}
