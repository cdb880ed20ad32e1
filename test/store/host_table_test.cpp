#include "store/host_table.hpp"

#include <array>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;

class HostTest {
 public:
  HostTest() {
    options_.directory = dir_.path() / "data";
    reopen();
  }
  void reopen() {
    store_.reset();
    store_ = std::make_unique<Store>(options_, clock_);
  }
  HostDirectory& hosts() { return store_->hosts(); }
  HostList& list() { return store_->host_list(); }
  Store& store() { return *store_; }
  std::int64_t number(const char* sql) {
    Connection reader((options_.directory / "volta.db").string(), Connection::Mode::reader, 1000);
    return reader.number(sql);
  }

 private:
  test::TempDir dir_;
  test::FakeClock clock_{kStart};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_CASE_METHOD(HostTest, "hosts are found by name, uid, id and token, also after reopening") {
  const HostRecord beta = hosts().add("beta", test::token(2)).value();
  const HostRecord alpha = hosts().add("alpha", test::token(1)).value();
  CHECK(alpha.uid.size() == 16);
  CHECK(alpha.uid != beta.uid);
  CHECK(alpha.created_ms == kStart);
  for (int round = 0; round < 2; ++round) {
    const auto all = hosts().list();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "alpha");
    CHECK(all[1].name == "beta");
    CHECK(hosts().find("alpha")->id == alpha.id);
    CHECK(hosts().find(beta.uid)->id == beta.id);
    CHECK(hosts().find(beta.id)->name == "beta");
    CHECK(hosts().find_by_token(test::token(2))->id == beta.id);
    CHECK_FALSE(hosts().find_by_token(test::token(3)));
    CHECK_FALSE(hosts().find("gamma"));
    CHECK_FALSE(hosts().find(HostId{99}));
    reopen();
  }
}

TEST_CASE_METHOD(HostTest, "names that break the rules and what is taken are refused") {
  REQUIRE(hosts().add("taken", test::token(1)));
  const auto check = [&](const std::string& name, std::uint8_t token, bool good) {
    CAPTURE(name);
    CHECK(hosts().add(name, test::token(token)).has_value() == good);
  };
  check("", 2, false);
  check("a b", 3, false);
  check("a/b", 4, false);
  check("h\xc3\xa4", 5, false);
  check(std::string(254, 'a'), 6, false);
  check(std::string(253, 'a'), 7, true);
  check("A-z_0.9", 8, true);
  check("taken", 9, false);
  check("other", 1, false);  // its token is in use
}

TEST_CASE_METHOD(HostTest, "changes are kept, and unknown hosts are refused") {
  const HostId id = hosts().add("a", test::token(1)).value().id;
  REQUIRE(hosts().add("b", test::token(2)));
  CHECK(hosts().set_disabled(id, true));
  CHECK(hosts().set_token(id, test::token(3)));
  CHECK_FALSE(hosts().set_token(id, test::token(2)));
  hosts().saw(id, "1.2.3", R"({"os":"x"})", -250, kStart + 5);
  for (int round = 0; round < 2; ++round) {
    const HostRecord host = hosts().find(id).value();
    CHECK(host.disabled);
    CHECK(host.agent_version == "1.2.3");
    CHECK(host.facts_json == R"({"os":"x"})");
    CHECK(host.clock_offset_ms == -250);
    CHECK(host.last_seen_ms == kStart + 5);
    CHECK_FALSE(hosts().find_by_token(test::token(1)));
    CHECK(hosts().find_by_token(test::token(3))->id == id);
    reopen();
  }
  CHECK(hosts().set_disabled(id, false));
  CHECK_FALSE(hosts().find(id)->disabled);
  CHECK_FALSE(hosts().set_disabled(HostId{99}, true));
  CHECK_FALSE(hosts().set_token(HostId{99}, test::token(9)));
  CHECK_FALSE(hosts().remove(HostId{99}));
}

TEST_CASE_METHOD(HostTest, "a removed host is gone with all its data, and only its own") {
  const HostId gone = hosts().add("gone", test::token(1)).value().id;
  const HostId stays = hosts().add("stays", test::token(2)).value().id;
  std::map<HostId, SeriesId> series;
  std::vector<test::Agent> agents;
  for (const HostId host : {gone, stays}) {
    for (std::uint64_t run = 0; run < 12; ++run) {
      agents.emplace_back(store().journal(), host, test::run_id(run));
      test::Agent& agent = agents.back();
      const Slot slot = agent.define(test::gauge("m"));
      series[host] = agent.series(slot);
      for (int i = 0; i < 10; ++i) {
        agent.force_keyframe();
        const auto time = kStart + static_cast<std::int64_t>(run) * 10 + i;
        REQUIRE(test::commit(store().journal(), agent.finish_one(slot, time)) ==
                CommitState::committed);
      }
    }
  }
  REQUIRE(hosts().remove(gone));
  CHECK_FALSE(hosts().find("gone"));
  CHECK_FALSE(hosts().find_by_token(test::token(1)));
  CHECK(test::commit(store().journal(), agents.front().finish_one(0)) == CommitState::failed);
  const HostId again = hosts().add("gone", test::token(1)).value().id;
  CHECK(again != gone);
  store().maintain();
  CHECK(store().reader().read(gone, std::vector{series[gone]}, 0, INT64_MAX)[0].times_ms.empty());
  CHECK(store().reader().latest(gone).empty());
  CHECK(store().series().find(gone, "*").empty());
  CHECK(store().reader().read(stays, std::vector{series[stays]}, 0, INT64_MAX)[0].times_ms.size() ==
        120);
  CHECK(number("SELECT count(*) FROM journal") == 120);
  CHECK(number("SELECT count(*) FROM keyframe") == 120);
  CHECK(number("SELECT count(*) FROM run") == 12);
  CHECK(number("SELECT count(*) FROM slot") == 12);
  CHECK(number("SELECT count(*) FROM series") == 1);
  CHECK(number("SELECT count(*) FROM host") == 2);
}

TEST_CASE_METHOD(HostTest, "a removal that was cut short goes on after the restart") {
  const HostId host = hosts().add("a", test::token(1)).value().id;
  test::Agent agent(store().journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  REQUIRE(test::commit(store().journal(), agent.finish_one(slot)) == CommitState::committed);
  store().close();
  {
    Connection connection((store().directory() / "volta.db").string(), Connection::Mode::writer,
                          1000);
    connection.execute("UPDATE host SET removed=1");  // as remove() leaves it
  }
  reopen();
  CHECK(hosts().list().empty());
  store().maintain();
  CHECK(number("SELECT count(*) FROM host") == 0);
  CHECK(number("SELECT count(*) FROM journal") == 0);
}

HostEntry listed_host(const std::string& name, std::uint8_t token, bool disabled = false) {
  HostEntry entry;
  entry.name = name;
  entry.uid = hex(std::array<std::uint8_t, 8>{static_cast<std::uint8_t>(name.at(0)), token});
  entry.token_hash = test::token(token);
  entry.disabled = disabled;
  return entry;
}

TEST_CASE_METHOD(HostTest, "a list makes the directory what it says, also after reopening") {
  const HostEntry a = listed_host("a", 1);
  const HostEntry b = listed_host("b", 2, true);
  const HostEntry c = listed_host("c", 3);
  const auto first = list().assume(std::vector{a, b, c});
  REQUIRE(first);
  CHECK(first->added == 3);
  CHECK(first->shut.empty());
  const HostId id_a = hosts().find("a")->id;
  const HostId id_b = hosts().find("b")->id;
  const HostId id_c = hosts().find("c")->id;
  CHECK(hosts().find(a.uid)->id == id_a);
  CHECK(hosts().find("b")->disabled);
  CHECK(hosts().find("a")->created_ms == kStart);

  // Two change their tokens for each other's, one is let in, one goes, its name has another host.
  HostEntry a2 = a;
  a2.token_hash = c.token_hash;
  HostEntry b2 = b;
  b2.disabled = false;
  HostEntry c2 = c;
  c2.token_hash = a.token_hash;
  const auto second = list().assume(std::vector{c2, b2, a2});
  REQUIRE(second);
  CHECK(second->shut == std::vector{id_c, id_a});
  CHECK(second->added == 0);
  HostEntry other = listed_host("b", 9);
  const auto third = list().assume(std::vector{a2, c2, other});
  REQUIRE(third);
  CHECK(third->removed == std::vector{id_b});
  CHECK(third->added == 1);
  for (int round = 0; round < 2; ++round) {
    REQUIRE(hosts().list().size() == 3);
    CHECK(hosts().find_by_token(c.token_hash)->id == id_a);
    CHECK(hosts().find_by_token(a.token_hash)->id == id_c);
    CHECK(hosts().find("b")->uid == other.uid);
    CHECK_FALSE(hosts().find(b.uid));
    CHECK_FALSE(hosts().find_by_token(b.token_hash));
    reopen();
  }
  const auto same = list().assume(std::vector{a2, c2, other});
  REQUIRE(same);
  CHECK(same->added + same->removed.size() + same->shut.size() == 0);
}

TEST_CASE_METHOD(HostTest, "a list that would rename a host is refused as a whole") {
  const HostEntry a = listed_host("a", 1);
  REQUIRE(list().assume(std::vector{a}));
  HostEntry renamed = a;
  renamed.name = "z";
  CHECK_FALSE(list().assume(std::vector{listed_host("b", 2), renamed}));
  HostEntry unfit = listed_host("b", 2);
  unfit.name = "b b";
  CHECK_FALSE(list().assume(std::vector{unfit}));
  REQUIRE(hosts().list().size() == 1);
  CHECK(hosts().find("a")->uid == a.uid);
}

TEST_CASE_METHOD(HostTest, "a host that left the list comes back once its data are gone") {
  const HostEntry a = listed_host("a", 1);
  REQUIRE(list().assume(std::vector{a}));
  REQUIRE(list().assume({}));
  CHECK(hosts().list().empty());
  for (int look = 0; look < 100 && hosts().list().empty(); ++look) {
    REQUIRE(list().assume(std::vector{a}));
    store().maintain();
  }
  REQUIRE(hosts().find("a"));
  CHECK(hosts().find("a")->uid == a.uid);
}

}  // namespace
}  // namespace volta
