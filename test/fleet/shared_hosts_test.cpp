#include "fleet/shared_hosts.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "fleet/fakes.hpp"
#include "fleet/hosts_file.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

HostEntry listed(const std::string& name, std::uint8_t token, bool disabled = false) {
  HostEntry entry;
  entry.name = name;
  entry.uid = hex(std::array<std::uint8_t, 8>{static_cast<std::uint8_t>(name[0])});
  entry.token_hash = test::token_hash(HostToken{token});
  entry.disabled = disabled;
  return entry;
}

struct Shared {
  void write(const std::string& text) { std::ofstream(file, std::ios::trunc) << text; }
  void write(std::vector<HostEntry> hosts) { write(hosts_file_text(std::move(hosts))); }
  // A link of that host; its control.
  std::shared_ptr<test::FakeControl> connect(const std::string& name) {
    auto control = std::make_shared<test::FakeControl>();
    links.open(directory.find(name)->id, test::kRun, "peer", control);
    return control;
  }

  test::TempDir folder;
  std::filesystem::path file = folder.path() / "hosts.json";
  test::FakeClock clock;
  LinkTable links{clock};
  test::FakeDirectory directory;
  SharedHosts shared{file, directory, links};
};

// What /metrics says of the file.
double unusable(const SharedHosts& shared) {
  std::vector<MetricFamily> families;
  shared.append_to(families);
  CHECK(families.at(0).name == "volta_server_hosts_file_unusable");
  return families.at(0).samples.at(0).value;
}

TEST_CASE("hosts follow their file, and links end that it no longer allows") {
  Shared f;
  f.write({listed("a", 1), listed("b", 2), listed("c", 3), listed("d", 4)});
  REQUIRE(f.shared.look());
  REQUIRE(f.directory.records.size() == 4);
  CHECK(f.directory.find_by_token(test::token_hash(HostToken{2}))->name == "b");
  const auto stays = f.connect("a");
  const auto rotated = f.connect("b");
  const auto disabled = f.connect("c");
  const auto removed = f.connect("d");
  REQUIRE(f.shared.look());  // the same file
  CHECK(removed->closed.empty());
  f.write({listed("a", 1), listed("b", 20), listed("c", 3, true), listed("e", 5)});
  REQUIRE(f.shared.look());
  CHECK(stays->closed.empty());
  CHECK(rotated->closed.size() == 1);
  CHECK(disabled->closed.size() == 1);
  CHECK(removed->closed.size() == 1);
  CHECK_FALSE(f.directory.find("d"));
  CHECK(f.directory.find("c")->disabled);
  CHECK(f.directory.find("e"));
}

TEST_CASE("a file that cannot be used changes nothing") {
  Shared f;
  CHECK(f.shared.look().error().text.find("hosts.json") != std::string::npos);  // not there
  f.write("");
  CHECK_FALSE(f.shared.look());
  f.write({listed("a", 1)});
  REQUIRE(f.shared.look());
  const auto control = f.connect("a");
  for (const char* text : {"", "{\"hosts\":[", "{\"hosts\":[{}]}"}) {
    f.write(text);
    const auto looked = f.shared.look();
    REQUIRE_FALSE(looked);
    CHECK(looked.error().text.find("hosts.json") != std::string::npos);
    f.shared.follow();  // throws nothing
    CHECK(unusable(f.shared) == 1);
    CHECK(f.directory.records.size() == 1);
  }
  std::filesystem::remove(f.file);
  CHECK_FALSE(f.shared.look());
  CHECK(control->closed.empty());
  f.directory.refusal = "a host keeps its name";
  f.write({listed("b", 1)});
  CHECK(f.shared.look().error().text.find("keeps its name") != std::string::npos);
  f.directory.refusal.clear();
  f.directory.broken = true;
  CHECK_THROWS_AS(f.shared.look(), Failure);
  f.shared.follow();
  CHECK(unusable(f.shared) == 1);
  f.directory.broken = false;
  f.shared.follow();
  CHECK(unusable(f.shared) == 0);
  CHECK(f.directory.find("b"));
  CHECK_FALSE(f.directory.find("a"));
}

TEST_CASE("a host that is on its way out is taken in again once it is gone") {
  Shared f;
  f.write({listed("a", 1)});
  f.directory.waits = true;
  REQUIRE(f.shared.look());
  f.directory.records.clear();  // as if it had not been taken
  f.directory.waits = false;
  REQUIRE(f.shared.look());
  CHECK(f.directory.find("a"));
  f.directory.records.clear();
  REQUIRE(f.shared.look());  // nothing is new now
  CHECK_FALSE(f.directory.find("a"));
}

}  // namespace
}  // namespace volta
