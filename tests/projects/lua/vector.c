/* Vectors of numbers, as a module. */

#include "lauxlib.h"
#include "lua.h"

typedef struct {
	int count;
	double values[];
} vector;

static vector *check(lua_State *L, int at)
{
	return luaL_checkudata(L, at, "vector");
}

static int make(lua_State *L)
{
	int count = luaL_checkinteger(L, 1);
	luaL_argcheck(L, count >= 0 && count < 1000, 1, "no such size");
	vector *made = lua_newuserdata(L, sizeof(vector) + count * sizeof(double));
	made->count = count;
	for (int i = 0; i < count; i++)
		made->values[i] = 0;
	luaL_setmetatable(L, "vector");
	return 1;
}

static int get(lua_State *L)
{
	vector *from = check(L, 1);
	int at = luaL_checkinteger(L, 2);
	if (at < 1 || at > from->count)
		return luaL_error(L, "no element %d of %d", at, from->count);
	lua_pushnumber(L, from->values[at - 1]);
	return 1;
}

static int set(lua_State *L)
{
	vector *to = check(L, 1);
	int at = luaL_checkinteger(L, 2);
	luaL_argcheck(L, at >= 1 && at <= to->count, 2, "out of range");
	to->values[at - 1] = luaL_checknumber(L, 3);
	return 0;
}

static int length(lua_State *L)
{
	lua_pushinteger(L, check(L, 1)->count);
	return 1;
}

/* Calls back for each element. */
static int map(lua_State *L)
{
	vector *of = check(L, 1);
	for (int i = 0; i < of->count; i++) {
		lua_pushvalue(L, 2);
		lua_pushnumber(L, of->values[i]);
		lua_call(L, 1, 1);
		of->values[i] = lua_tonumber(L, -1);
		lua_pop(L, 1);
	}
	return 0;
}

int luaopen_vector(lua_State *L)
{
	static const luaL_Reg of_each[] = {
		{ "__index", get }, { "__newindex", set }, { "__len", length }, { NULL, NULL },
	};
	static const luaL_Reg functions[] = { { "new", make }, { "map", map }, { NULL, NULL } };
	luaL_newmetatable(L, "vector");
	luaL_setfuncs(L, of_each, 0);
	luaL_newlib(L, functions);
	return 1;
}
