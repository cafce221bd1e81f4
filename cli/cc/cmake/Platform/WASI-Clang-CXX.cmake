include(Platform/Linux-Clang-CXX)
