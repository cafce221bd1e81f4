#pragma once

#include <functional>

int visit(const std::function<void(int)> &call, int count);
