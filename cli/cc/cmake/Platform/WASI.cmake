# Programs and shared libraries are linked as those for Linux are.
include(Platform/Linux)
unset(LINUX)
set(WASI 1)
