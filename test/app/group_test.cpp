#include "app/group.hpp"

#include <catch2/catch.hpp>

#include "app/process.hpp"
#include "app/replace_file.hpp"
#include "fleet/hosts_file.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

// Nobody asks it before start().
class SilentEngine final : public QueryEngine {
 public:
  QueryOutcome instant(const InstantQuery&, const QueryLimits&,
                       const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  QueryOutcome range(const RangeQuery&, const QueryLimits&,
                     const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  Result<std::string> format(std::string_view text) const override { return std::string(text); }
  Result<Matchers> selector(std::string_view) const override { return Error{"unused"}; }
};

struct GroupFixture {
  GroupFixture() {
    StoreOptions options;
    options.directory = folder.path() / "data";
    store = std::make_unique<Store>(options, clock);
  }
  void join() {
    Group group(file, *store, links, engine, clock);
    CHECK(group.fleet().file == file.string());
  }
  std::string refused() {
    try {
      join();
    } catch (const StartFailure& failure) {
      CHECK(failure.exit() == Exit::configuration);
      return failure.what();
    }
    return "";
  }
  HostEntry host(const std::string& name, std::uint8_t token) {
    return {name, hex(std::array<std::uint8_t, 8>{token}), Sha256{token}, false};
  }

  test::TempDir folder;
  test::FakeClock clock;
  std::filesystem::path file = folder.path() / "hosts.json";
  LinkTable links{clock};
  SilentEngine engine;
  std::unique_ptr<Store> store;
};

TEST_CASE("a server that joins a group has the hosts of the file") {
  GroupFixture f;
  CHECK(f.refused().find("hosts.json") != std::string::npos);  // there is none
  replace_file(f.file, hosts_file_text({f.host("a", 1), f.host("b", 2)}));
  f.join();
  CHECK(f.store->hosts().list().size() == 2);
  replace_file(f.file, hosts_file_text({f.host("b", 2)}));
  CHECK(followed_hosts_file(f.store->directory()) == f.file.string());
  f.join();  // it follows the file already
  CHECK(f.store->hosts().list().size() == 1);
  replace_file(f.file, hosts_file_text({}));
  follow_no_hosts_file(f.store->directory());
  CHECK_FALSE(followed_hosts_file(f.store->directory()));
  CHECK(f.refused().find("b; bring them over") != std::string::npos);
}

TEST_CASE("hosts of its own are not thrown away when a server joins a group") {
  GroupFixture f;
  REQUIRE(f.store->hosts().add("own", Sha256{9}));
  replace_file(f.file, hosts_file_text({f.host("a", 1)}));
  const std::string text = f.refused();
  CHECK(text.find("own; bring them over with `volta host export --data") != std::string::npos);
  CHECK(f.store->hosts().list().size() == 1);
  HostEntry own = f.host("own", 9);
  own.uid = f.store->hosts().find("own")->uid;
  replace_file(f.file, hosts_file_text({f.host("a", 1), own}));
  f.join();
  CHECK(f.store->hosts().list().size() == 2);
}

}  // namespace
}  // namespace volta
