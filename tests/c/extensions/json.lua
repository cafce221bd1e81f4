package.path = './?.lua'
package.cpath = './?.so'
local cjson = require 'cjson'
print(cjson._VERSION, cjson.encode({1, 2.5, {a = 'b'}, true}))
local t = cjson.decode('{"x": [1, 2, {"y": null}], "z": "\\u00e4"}')
print(t.z, #t.x, t.x[3].y == cjson.null)
print(pcall(cjson.decode, '{'))
print(pcall(require, 'nothing'))
