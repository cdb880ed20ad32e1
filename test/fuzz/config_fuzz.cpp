#include <cstdint>
#include <cstdlib>
#include <fstream>

#include <unistd.h>

#include "app/settings.hpp"

// A configuration file of any bytes is read or refused, never more.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path = "/tmp/volta-config-fuzz-" + std::to_string(::getpid());
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  for (const char* role : {"local", "agent"}) {
    const auto settings = volta::read_settings({role, path, {}, {}});
    if (!settings && settings.error().text.empty()) std::abort();
  }
  ::unlink(path.c_str());
  return 0;
}
