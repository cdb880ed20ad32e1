// What tests of HTTP share: options of a server on a free loopback port, a message for a stream.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "http/server.hpp"

namespace volta::test {

inline HttpOptions on_loopback() {
  HttpOptions options;
  options.listen = {"127.0.0.1:0"};
  return options;
}

inline std::shared_ptr<const std::string> text(std::string content) {
  return std::make_shared<const std::string>(std::move(content));
}

}  // namespace volta::test
