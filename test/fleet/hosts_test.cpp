#include "fleet/hosts.hpp"

#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "fleet/fakes.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::FakeControl;

struct HostsFixture {
  test::FakeClock clock;
  LinkTable links{clock};
  test::FakeDirectory directory;
  Hosts hosts{directory, links, clock};
  HostState state() { return hosts.hosts().at(0).state; }
};

TEST_CASE("a new host's token is shown once and only its hash is kept") {
  HostsFixture f;
  const auto added = f.hosts.add_host("alpha");
  REQUIRE(added);
  const auto raw = unhex(added->token);
  REQUIRE(raw);
  REQUIRE(raw->size() == 32);
  CHECK(f.directory.tokens.at(added->host.id) == sha256(*raw));
  CHECK_FALSE(f.hosts.add_host("alpha"));
  const auto other = f.hosts.add_host("beta");
  REQUIRE(other);
  CHECK(other->token != added->token);
}

TEST_CASE("rotating, disabling and removing close the live link") {
  HostsFixture f;
  const auto added = f.hosts.add_host("alpha");
  REQUIRE(added);
  const HostId id = added->host.id;
  const auto closes = [&](auto&& act) {
    const auto control = std::make_shared<FakeControl>();
    const auto link = f.links.open(id, test::kRun, "peer", control);
    act();
    CHECK_FALSE(f.links.is_open(link));
    return control->closed.size() == 1;
  };
  const Sha256 before = f.directory.tokens.at(id);
  CHECK(closes([&] { CHECK(f.hosts.rotate_token("alpha")); }));
  CHECK(f.directory.tokens.at(id) != before);
  CHECK(closes([&] { CHECK(f.hosts.set_disabled("uid-1", true)); }));
  CHECK(f.state() == HostState::disabled);
  const auto control = std::make_shared<FakeControl>();
  const auto link = f.links.open(id, test::kRun, "peer", control);
  CHECK(f.hosts.set_disabled("alpha", false));
  CHECK(control->closed.empty());
  CHECK(f.hosts.remove_host("alpha"));
  CHECK(control->closed.size() == 1);
  CHECK(f.hosts.hosts().empty());
}

TEST_CASE("a host that is not there is said by its name") {
  HostsFixture f;
  CHECK(f.hosts.rotate_token("nobody").error().text == "there is no host named 'nobody'");
  CHECK_FALSE(f.hosts.set_disabled("nobody", true));
  CHECK_FALSE(f.hosts.remove_host("nobody"));
}

TEST_CASE("states follow the data and the link") {
  HostsFixture f;
  const auto added = f.hosts.add_host("alpha");
  REQUIRE(added);
  CHECK(f.state() == HostState::offline);
  auto link = f.links.open(added->host.id, test::kRun, "peer", std::make_shared<FakeControl>());
  CHECK(f.state() == HostState::late);  // nothing came yet
  f.links.heard(link, 1s);
  CHECK(f.state() == HostState::live);
  f.clock.advance(15s);
  CHECK(f.state() == HostState::live);
  f.clock.advance(1ms);
  CHECK(f.state() == HostState::late);
  f.clock.advance(44'999ms);
  CHECK(f.state() == HostState::late);
  f.clock.advance(1ms);
  CHECK(f.state() == HostState::offline);
  f.links.heard(link, 60s);  // a slow agent may be silent for three of its batches
  f.clock.advance(180s);
  CHECK(f.state() == HostState::live);
  f.clock.advance(1ms);
  CHECK(f.state() == HostState::offline);
  f.links.heard(link, 60s);
  f.links.gone(link);
  f.clock.advance(15s);
  CHECK(f.state() == HostState::live);
  f.clock.advance(1ms);
  CHECK(f.state() == HostState::offline);
}

TEST_CASE("last_seen is the newest data, and plaintext comes from the link") {
  HostsFixture f;
  const auto added = f.hosts.add_host("alpha");
  REQUIRE(added);
  const auto control = std::make_shared<FakeControl>();
  control->plain = true;
  const auto link = f.links.open(added->host.id, test::kRun, "peer", control);
  CHECK(f.hosts.hosts().at(0).record.last_seen_ms == 0);
  f.links.heard(link, 1s);
  CHECK(f.hosts.hosts().at(0).record.last_seen_ms == f.clock.wall_ms());
  CHECK(f.hosts.hosts().at(0).plaintext);
}

TEST_CASE("hosts are counted by state") {
  HostsFixture f;
  const auto alpha = f.hosts.add_host("alpha");
  CHECK(f.hosts.add_host("beta"));
  const auto link =
      f.links.open(alpha->host.id, test::kRun, "peer", std::make_shared<FakeControl>());
  f.links.heard(link, 1s);
  std::vector<MetricFamily> families;
  f.hosts.append_to(families);
  REQUIRE(families.size() == 2);
  CHECK(families[0].name == "volta_server_hosts");
  REQUIRE(families[0].samples.size() == 4);
  CHECK(families[0].samples[0].labels == Labels{{"state", "live"}});
  CHECK(families[0].samples[0].value == 1);
  CHECK(families[0].samples[2].value == 1);
  CHECK(families[1].samples.at(0).value == 1);
}

TEST_CASE("hosts of a shared file are changed there alone") {
  HostsFixture f;
  REQUIRE(f.hosts.add_host("alpha"));
  Hosts shared(f.directory, f.links, f.clock, {"/etc/volta/hosts.json", nullptr});
  const auto check = [](const auto& refused, const std::string& command) {
    REQUIRE_FALSE(refused);
    CAPTURE(refused.error().text);
    CHECK(refused.error().text.ends_with("volta host " + command +
                                         " --hosts-file /etc/volta/hosts.json"));
  };
  check(shared.add_host("beta"), "add beta");
  check(shared.rotate_token("alpha"), "rotate alpha");
  check(shared.set_disabled("uid-1", true), "disable alpha");
  check(shared.set_disabled("alpha", false), "enable alpha");
  check(shared.remove_host("alpha"), "remove alpha");
  CHECK(shared.hosts().size() == 1);
}

// Says that a host's newest sample is of now and that it draws 7 W.
class SeenNow final : public QueryEngine {
 public:
  explicit SeenNow(std::string host) : host_(std::move(host)) {}
  QueryOutcome instant(const InstantQuery& query, const QueryLimits&,
                       const std::atomic<bool>*) const override {
    const bool power = query.expression.find("power") != std::string_view::npos;
    VectorValue vector;
    vector.elements.push_back({std::make_shared<const Labels>(Labels{{"host", host_}}),
                               query.time_ms,
                               power ? 7 : static_cast<double>(query.time_ms) / 1000});
    QueryAnswer answer;
    answer.value = std::move(vector);
    return answer;
  }
  QueryOutcome range(const RangeQuery&, const QueryLimits&,
                     const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  Result<std::string> format(std::string_view text) const override { return std::string(text); }
  Result<Matchers> selector(std::string_view) const override { return Error{"unused"}; }

 private:
  std::string host_;
};

TEST_CASE("a host that another server hears is not offline here") {
  HostsFixture f;
  const auto alpha = f.hosts.add_host("alpha");
  REQUIRE(alpha);
  REQUIRE(f.hosts.add_host("beta"));
  const SeenNow engine("alpha");
  Sightings sightings(engine, f.clock);
  Hosts shared(f.directory, f.links, f.clock, {"hosts.json", &sightings});
  CHECK(shared.hosts().at(0).state == HostState::offline);
  sightings.look();
  CHECK(shared.hosts().at(0).state == HostState::live);
  CHECK(shared.hosts().at(0).record.last_seen_ms == f.clock.wall_ms());
  CHECK(shared.hosts().at(0).power_elsewhere->watts == 7);
  CHECK(shared.hosts().at(1).state == HostState::offline);
  CHECK(shared.hosts().at(1).record.last_seen_ms == 0);
  std::vector<MetricFamily> families;
  shared.append_to(families);
  CHECK(families.at(0).samples.at(0).value == 1);
  CHECK(shared.may_be_elsewhere(alpha->host.id));
  CHECK_FALSE(f.hosts.may_be_elsewhere(alpha->host.id));  // a server alone
  // Its own link says more, and disabled it stays.
  const auto link =
      f.links.open(alpha->host.id, test::kRun, "peer", std::make_shared<FakeControl>());
  CHECK(shared.hosts().at(0).state == HostState::late);
  CHECK_FALSE(shared.hosts().at(0).power_elsewhere);
  CHECK_FALSE(shared.may_be_elsewhere(alpha->host.id));
  f.directory.records.at(0).disabled = true;
  CHECK(shared.hosts().at(0).state == HostState::disabled);
}

}  // namespace
}  // namespace volta
