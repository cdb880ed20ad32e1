#include "store/series_index.hpp"

#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/series_table.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

LabelMatcher index_matcher(const std::string& name, MatchOp op, const std::string& value) {
  return LabelMatcher::make(name, op, value).value();
}

// The labels that queries see, put together without the index.
Labels shown_labels(const SeriesRecord& record, const HostNames& hosts) {
  Labels labels = record.def.labels;
  labels.emplace_back("__name__", record.def.name);
  if (record.host != kNoHost) labels.emplace_back("host", hosts.at(record.host));
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::vector<Labels> labels_found(const std::vector<QuerySeries>& series) {
  std::vector<Labels> all;
  for (const QuerySeries& one : series) all.push_back(*one.labels);
  return all;
}

// Brute force: every series is asked, each variant but the last of its name and labels left out.
std::vector<Labels> labels_by_hand(const std::vector<SeriesRecord>& all,
                                   const std::vector<LabelMatcher>& matchers,
                                   const HostNames& hosts) {
  std::set<Labels> found;
  for (const SeriesRecord& record : all) {
    if (record.host != kNoHost && !hosts.contains(record.host)) continue;
    const Labels labels = shown_labels(record, hosts);
    const bool fits = std::all_of(matchers.begin(), matchers.end(), [&](const LabelMatcher& m) {
      return m.matches(label_value(labels, m.name()));
    });
    if (fits) found.insert(labels);
  }
  return {found.begin(), found.end()};
}

std::vector<LabelMatcher> random_matchers(std::mt19937_64& random) {
  static const std::vector<std::string> names{"__name__", "a", "b", "host", "absent"};
  static const std::vector<std::string> values{"",    "0",    "1",    "m0|m1", "m1",    ".*",
                                               ".+",  "1|2",  "h1",   "h.*",   "|1",    "h1|h2|9",
                                               "m.*", "[01]", "h2|1", "gone",  "x|m2|y"};
  std::vector<LabelMatcher> matchers;
  const std::size_t count = random() % 4;
  for (std::size_t i = 0; i < count; ++i) {
    matchers.push_back(index_matcher(names[random() % names.size()], MatchOp(random() % 4),
                                     values[random() % values.size()]));
  }
  return matchers;
}

TEST_CASE("what the index selects is what asking every series selects") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const test::FakeClock clock;
  SeriesTable table(clock);
  HostNames hosts{{HostId{1}, "h1"}, {HostId{2}, "h2"}, {HostId{3}, "h3"}};
  std::map<SeriesId, SeriesRecord> all;
  for (int round = 0; round < 300; ++round) {
    const auto host = HostId(static_cast<std::uint32_t>(random() % 5));  // 4 is no host any more
    SeriesDef def = test::gauge("m" + std::to_string(random() % 4));
    if (random() % 2 == 0) def.labels.emplace_back("a", std::to_string(random() % 12));
    if (random() % 2 == 0) def.labels.emplace_back("b", std::to_string(random() % 3));
    if (host == kNoHost && random() % 2 == 0) {
      def.labels.emplace_back("host", "h" + std::to_string(random() % 4));
    }
    if (random() % 4 == 0) def.scale = 3;  // a variant
    const SeriesId id = table.resolve(host, def);
    all[id] = {id, host, def};
    if (round % 100 == 50) {
      const auto gone = HostId(static_cast<std::uint32_t>(random() % 4));
      table.forget(gone);
      std::erase_if(all, [&](const auto& record) { return record.second.host == gone; });
    }
    if (round % 60 == 30) hosts[HostId{1}] = "h1-" + std::to_string(round);
    std::vector<SeriesRecord> records;
    for (const auto& [key, record] : all) records.push_back(record);
    const auto matchers = random_matchers(random);
    for (const LabelMatcher& matcher : matchers) UNSCOPED_INFO(matcher.text());
    const auto found = table.index().select(matchers, hosts, 1000);
    REQUIRE(found);
    CHECK(labels_found(*found) == labels_by_hand(records, matchers, hosts));
  }
}

TEST_CASE("of the variants of a series the newest is shown, whichever are forgotten") {
  test::FakeClock clock;
  SeriesTable table(clock);
  const HostNames hosts{{HostId{1}, "h"}};
  SeriesDef def = test::gauge("m");
  std::vector<SeriesId> ids;
  for (std::int8_t scale = 0; scale < 3; ++scale) {
    def.scale = scale;
    ids.push_back(table.resolve(HostId{1}, def));
  }
  const auto shown = [&] {
    const auto found = table.index().select({}, hosts, 10);
    return found->size() == 1 ? found->front().ref : 0;
  };
  CHECK(shown() == std::uint64_t(ids[2]));
  clock.advance(std::chrono::hours(24 * 8));
  CHECK(table.forget_idle(std::vector{ids[2]}, 10).size() == 1);
  CHECK(shown() == std::uint64_t(ids[1]));
  CHECK(table.forget_idle(std::vector{ids[0]}, 10).size() == 1);
  CHECK(shown() == std::uint64_t(ids[1]));
  CHECK(table.forget_idle(std::vector{ids[1]}, 10).size() == 1);
  CHECK(table.index().select({}, hosts, 10)->empty());
  CHECK(table.index().label_names(hosts).empty());
}

TEST_CASE("more series than are wanted is an error that says what helps") {
  const test::FakeClock clock;
  SeriesTable table(clock);
  for (int i = 0; i < 3; ++i) table.resolve(kNoHost, test::gauge("m" + std::to_string(i)));
  CHECK(table.index().select({}, {}, 3)->size() == 3);
  const auto refused = table.index().select({}, {}, 2);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().text, Catch::Contains("3 series") && Catch::Contains("add matchers"));
}

TEST_CASE("labels of a series are made once") {
  const test::FakeClock clock;
  SeriesTable table(clock);
  HostNames hosts{{HostId{1}, "h"}};
  table.resolve(HostId{1}, test::gauge("m", {{"Z", "1"}, {"z", "2"}}));
  const auto first = table.index().select({}, hosts, 10);
  CHECK(*first->front().labels == Labels{{"Z", "1"}, {"__name__", "m"}, {"host", "h"}, {"z", "2"}});
  CHECK(table.index().select({}, hosts, 10)->front().labels == first->front().labels);
  hosts[HostId{1}] = "renamed";
  CHECK(label_value(*table.index().select({}, hosts, 10)->front().labels, "host") == "renamed");
}

TEST_CASE("names and values of labels are those of all series, sorted") {
  const test::FakeClock clock;
  SeriesTable table(clock);
  const HostNames hosts{{HostId{1}, "b"}, {HostId{2}, "unused"}};
  CHECK(table.index().label_names(hosts).empty());
  table.resolve(kNoHost, test::gauge("m", {{"host", "a"}}));
  table.resolve(HostId{1}, test::gauge("n", {{"x", "1"}}));
  using Texts = std::vector<std::string>;
  CHECK(table.index().label_names(hosts) == Texts{"__name__", "host", "x"});
  CHECK(table.index().label_values("host", hosts) == Texts{"a", "b"});
  CHECK(table.index().label_values("__name__", hosts) == Texts{"m", "n"});
  CHECK(table.index().label_values("nothing", hosts).empty());
  CHECK(table.index().has_name("m"));
  CHECK_FALSE(table.index().has_name("x"));
}

}  // namespace
}  // namespace volta
