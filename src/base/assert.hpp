// Assertions for our own mistakes. On in every build: a wrong state must not reach the store.
#pragma once

#include <string_view>

namespace volta {

[[noreturn]] void assertion_failed(std::string_view condition, const char* file, int line,
                                   std::string_view values);

}  // namespace volta

// VOLTA_ASSERT(condition) or VOLTA_ASSERT(condition, std::string with the values that matter). An
// expression, so that it adds no nesting.
#define VOLTA_ASSERT(condition, ...)                                                        \
  (static_cast<bool>(condition) ? static_cast<void>(0)                                      \
                                : ::volta::assertion_failed(#condition, __FILE__, __LINE__, \
                                                            ::std::string_view{__VA_ARGS__}))
