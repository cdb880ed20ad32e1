// Options of a server on a free loopback port.
#pragma once

#include "rpc/server.hpp"

namespace volta::test {

inline RpcServerOptions any_port() {
  RpcServerOptions options;
  options.port = 0;
  return options;
}

}  // namespace volta::test
