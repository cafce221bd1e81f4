import sys
import json
import ext

print(sys.version_info[:2], ext.__file__)
print(ext.greet("world", 7), json.dumps({"a": [1, 2.5]}))
try:
    ext.greet("nobody", -1)
except ValueError as error:
    print("ValueError", error)
try:
    import nothing
except ImportError as error:
    print(error)
