#include "app/missing_cores.hpp"

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

namespace volta {
namespace {

TEST_CASE("cores that the machine lacks are named, with those that it has") {
  const test::TempDir own;
  own.write("devices/system/cpu/present", "0-1,4\n");
  const test::TempDir watched;
  watched.write("devices/system/cpu/present", "0-7\n");
  const auto warnings = [&](const std::string& role, const std::string& cores) {
    SettingsSource source;
    source.role = role;
    source.file = own.path() / "c.toml";
    own.write("c.toml", cores + "\n[paths]\nsysfs = \"" + watched.path().string() + "\"\n");
    const auto settings = read_settings(source);
    REQUIRE(settings);
    std::string all;
    for (const std::string& warning : missing_cores(*settings, own.path())) all += warning + "\n";
    return all;
  };
  const std::string file = (own.path() / "c.toml").string();
  CHECK(warnings("agent", "").empty());
  CHECK(warnings("agent", "[agent]\ncores = [0, 1, 4]\n[metrics]\nper_core = \"0-7\"").empty());
  CHECK(warnings("local", "[agent]\ncores = [0, \"2-4\"]\n") ==
        file + ":2: agent.cores: this machine has no core 2; it has 0-1,4\n");
  CHECK(warnings("local", "\n[metrics]\nper_core = 8\n") ==
        file + ":3: metrics.per_core: this machine has no core 8; it has 0-7\n");
  CHECK(warnings("server", "[agent]\ncores = 99\n").empty());
  // A machine that does not say which it has.
  own.write("devices/system/cpu/present", "many\n");
  CHECK(warnings("agent", "[agent]\ncores = 99\n").empty());
}

}  // namespace
}  // namespace volta
