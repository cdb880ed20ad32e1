// A small world for the routes to stand on: hosts, series and samples that tests set, a sender that
// keeps what it was given as http/ would.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "api/api.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "model/metric_ids.hpp"
#include "support/fake_clock.hpp"
#include "support/fixtures.hpp"

namespace volta::test {

inline constexpr const char* kKey = "0123456789abcdefghijklmnopqrstuvwxyz-_AB";

// Hosts, series and samples. Filled before use; then only read, but for the fleet's changes.
class FakeWorld final : public HostDirectory,
                        public FleetView,
                        public SeriesIndex,
                        public RangeReader,
                        public RangeQueries {
 public:
  HostStatus& put_host(const std::string& name, HostState state) {
    HostStatus status;
    status.record.id = HostId(static_cast<std::uint32_t>(statuses_.size() + 1));
    status.record.uid = "00000000000000a" + std::to_string(statuses_.size() + 1);
    status.record.name = name;
    status.record.created_ms = 1'795'000'000'000;
    status.record.last_seen_ms = 1'795'226'940'123;
    status.record.agent_version = "0.1.0";
    status.record.facts_json = R"({"kernel":"6.1.0","cpu":{"cores":2}})";
    status.state = state;
    statuses_.push_back(status);
    return statuses_.back();
  }
  SeriesId put_series(HostId host, SeriesDef def) {
    const SeriesId id{static_cast<std::uint32_t>(records_.size() + 1)};
    records_.push_back({id, host, std::move(def)});
    return id;
  }
  void put_sample(SeriesId series, std::int64_t time_ms, double value) {
    samples_[series].emplace_back(time_ms, value);
  }
  std::shared_ptr<const SeriesRecord> record(SeriesId id) const {
    return std::make_shared<const SeriesRecord>(records_[static_cast<std::size_t>(id) - 1]);
  }

  // HostDirectory
  std::vector<HostRecord> list() const override { return {}; }
  std::optional<HostRecord> find(std::string_view name_or_uid) const override {
    if (failing) throw Failure("the disk is gone");
    for (const HostStatus& host : statuses_) {
      if (host.record.uid == name_or_uid || host.record.name == name_or_uid) return host.record;
    }
    return std::nullopt;
  }
  std::optional<HostRecord> find(HostId) const override { return std::nullopt; }
  std::optional<HostRecord> find_by_token(const Sha256&) const override { return std::nullopt; }
  Result<HostRecord> add(const std::string&, const Sha256&) override { return Error{"unused"}; }
  Result<void> set_disabled(HostId, bool) override { return {}; }
  Result<void> set_token(HostId, const Sha256&) override { return {}; }
  Result<void> remove(HostId) override { return {}; }
  void saw(HostId, const std::string&, const std::string&, std::int64_t, std::int64_t) override {}

  // FleetView
  std::vector<HostStatus> hosts() const override {
    auto sorted = statuses_;
    std::sort(sorted.begin(), sorted.end(), [](const HostStatus& a, const HostStatus& b) {
      return a.record.name < b.record.name;
    });
    return sorted;
  }
  Result<NewToken> add_host(const std::string& name) override {
    if (find(name)) return Error{"there is a host '" + name + "' already"};
    return NewToken{put_host(name, HostState::offline).record, std::string(64, 'a')};
  }
  Result<NewToken> rotate_token(std::string_view id) override {
    return NewToken{*find(id), std::string(64, 'b')};
  }
  Result<void> set_disabled(std::string_view id, bool disabled) override {
    for (HostStatus& host : statuses_) {
      if (host.record.uid == id) host.state = disabled ? HostState::disabled : HostState::offline;
    }
    return {};
  }
  Result<void> remove_host(std::string_view id) override {
    std::erase_if(statuses_, [&](const HostStatus& host) { return host.record.uid == id; });
    return {};
  }
  bool may_be_elsewhere(HostId host) const override { return elsewhere.contains(host); }
  void watch(HostId host, bool begin) override {
    const std::lock_guard lock(mutex_);
    watchers_[host] += begin ? 1 : -1;
  }
  int watchers(HostId host) {
    const std::lock_guard lock(mutex_);
    return watchers_[host];
  }

  // SeriesIndex
  std::vector<SeriesRecord> find(HostId host, std::string_view glob) const override {
    std::vector<SeriesRecord> out;
    for (const SeriesRecord& entry : records_) {
      if (entry.host == host && glob_match(glob, entry.def.name)) out.push_back(entry);
    }
    std::sort(out.begin(), out.end(), [](const SeriesRecord& a, const SeriesRecord& b) {
      return std::tie(a.def.name, a.def.labels) < std::tie(b.def.name, b.def.labels);
    });
    return out;
  }

  // RangeReader
  std::vector<SampleColumn> read(HostId, std::span<const SeriesId> series, std::int64_t start_ms,
                                 std::int64_t end_ms) const override {
    std::vector<SampleColumn> out;
    for (const SeriesId id : series) {
      SampleColumn column{id, {}, {}};
      const auto found = samples_.find(id);
      if (found != samples_.end()) {
        for (const auto& [time, value] : found->second) {
          if (time < start_ms || time > end_ms) continue;
          column.times_ms.push_back(time);
          column.values.push_back(value);
        }
      }
      out.push_back(std::move(column));
    }
    return out;
  }
  std::vector<LatestSample> latest(HostId host) const override {
    std::vector<LatestSample> out;
    for (const SeriesRecord& entry : records_) {
      const auto found = samples_.find(entry.id);
      if (entry.host != host || found == samples_.end()) continue;
      const auto& all = found->second;
      LatestSample newest{entry.id, all.back().first, all.back().second, {}};
      if (entry.def.kind == Kind::counter && all.size() > 1) {
        const auto& before = all[all.size() - 2];
        newest.rate = (all.back().second - before.second) * 1000 /
                      static_cast<double>(all.back().first - before.first);
      }
      out.push_back(newest);
    }
    return out;
  }
  std::optional<std::int64_t> oldest_ms(HostId) const override { return 0; }

  // RangeQueries: remembers the question, answers two points of which one is a gap.
  std::variant<RangeAnswer, QueryFailure> range(const RangeQuestion& question,
                                                const QueryLimits&) const override {
    if (on_range) on_range();
    const std::lock_guard lock(mutex_);
    asked = question;
    if (question.metric.name == "refused") {
      return QueryFailure{QueryFailure::Kind::bad_data, "too much at once"};
    }
    if (question.metric.name == "huge") {
      return QueryFailure{QueryFailure::Kind::execution, "too many samples"};
    }
    RangeAnswer answer;
    answer.step_ms = question.step_ms;
    answer.unit = "watts";
    answer.timestamps_ms = {question.start_ms, question.start_ms + question.step_ms};
    answer.rows.push_back({{{"zone", "host"}}, {12.5, std::nan("")}});
    return answer;
  }
  std::variant<std::vector<Growth>, QueryFailure> growth(const GrowthQuestion& question,
                                                         const QueryLimits&) const override {
    const std::lock_guard lock(mutex_);
    asked_growth = question;
    const auto found = grown.find(question.metric.host);
    return found == grown.end() ? std::vector<Growth>() : found->second;
  }

  mutable RangeQuestion asked;
  mutable GrowthQuestion asked_growth;
  std::function<void()> on_range;  // called by each range()
  std::map<HostId, std::vector<Growth>> grown;
  std::set<HostId> elsewhere;
  bool failing = false;

 private:
  std::vector<HostStatus> statuses_;
  std::vector<SeriesRecord> records_;
  std::map<SeriesId, std::vector<std::pair<std::int64_t, double>>> samples_;
  std::map<HostId, int> watchers_;
  mutable std::mutex mutex_;
};

// A line a sample; the format stands on the first one.
class FakeExposition final : public Exposition {
 public:
  ExpositionFormat negotiate(std::string_view accept) const override {
    return accept.find("openmetrics") == std::string_view::npos
               ? ExpositionFormat::text_0_0_4
               : ExpositionFormat::open_metrics_1_0;
  }
  std::string_view content_type(ExpositionFormat format) const override {
    return format == ExpositionFormat::text_0_0_4 ? "text/plain" : "application/openmetrics-text";
  }
  std::string render(ExpositionFormat, const std::vector<MetricFamily>& families) const override {
    std::ostringstream out;
    for (const MetricFamily& entry : families) {
      for (const ExpositionSample& sample : entry.samples) {
        out << to_text(entry.kind) << ' ' << entry.name << label_text(sample.labels) << ' '
            << sample.value << '\n';
      }
    }
    return out.str();
  }
};

// Keeps messages like http/'s queue: one of the same non-empty key is replaced where it stands.
class FakeSender final : public StreamSender {
 public:
  void send(std::string key, std::shared_ptr<const std::string> message) override {
    const std::lock_guard lock(mutex_);
    for (auto& [held, text] : queue_) {
      if (!key.empty() && held == key) {
        text = *message;
        return;
      }
    }
    queue_.emplace_back(std::move(key), *message);
  }
  void close(std::uint16_t code, std::string reason) override {
    const std::lock_guard lock(mutex_);
    code_ = code;
    reason_ = std::move(reason);
  }
  // What waits now, as if a fast client had read it.
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (auto& [key, text] : queue_) out.push_back(std::move(text));
    queue_.clear();
    return out;
  }
  int code() const {
    const std::lock_guard lock(mutex_);
    return code_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> queue_;
  int code_ = 0;
  std::string reason_;
};

// Two hosts with samples, the hub and the API over them.
struct House {
  explicit House(AccessSettings access = local_access(), std::string role = "local",
                 const PrometheusParts& prometheus = {}, const StorageLimits& kept = {})
      : hub({world, world, world, clock,
             [this](HostId host, bool begin) { world.watch(host, begin); }}),
        api({world, world, world, world, world, exposition, clock, hub, {}, probes(), prometheus},
            {role, "0.1.0", role == "local" ? "alpha" : "", false, false, kept},
            std::move(access)) {
    const HostId alpha = world.put_host("alpha", HostState::live).record.id;
    world.put_host("beta", HostState::offline).record.last_seen_ms = 0;
    load = world.put_series(alpha, make_series(metrics::load1, {}));
    memory = world.put_series(alpha, make_series(metrics::memory_total_bytes, {}));
    energy = world.put_series(
        alpha, make_series(metrics::energy_joules_total,
                           {{"zone", "host"}, {"source", "model"}, {"quality", "estimated"}}));
    power = world.put_series(
        alpha, make_series(metrics::power_watts,
                           {{"zone", "host"}, {"source", "model"}, {"quality", "estimated"}}));
    const std::int64_t now = clock.wall_ms();
    world.put_sample(load, now - 1000, 0.25);
    world.put_sample(load, now, 0.5);
    world.put_sample(memory, now, 4'294'967'296);
    world.put_sample(energy, now - 1000, 1000);
    world.put_sample(energy, now, 1012.5);
    world.put_sample(power, now, 12.5);
  }

  static AccessSettings local_access() { return {true, std::nullopt}; }
  static AccessSettings key_access() { return {false, *AccessKey::parse(kKey)}; }

  std::vector<ReadinessProbe> probes() {
    return {{"store", [this]() -> std::optional<std::string> {
               if (store_failing) return "the disk is full";
               return std::nullopt;
             }}};
  }

  FakeClock clock;
  FakeWorld world;
  FakeExposition exposition;
  bool store_failing = false;
  SeriesId load{}, memory{}, energy{}, power{};
  LiveHub hub;
  Api api;
};

inline HttpRequest request(std::string method, const std::string& target) {
  HttpRequest out;
  out.method = std::move(method);
  out.path = target.substr(0, target.find('?'));
  if (out.path.size() < target.size()) out.query = target.substr(out.path.size() + 1);
  out.peer = {"127.0.0.1:50123", true, false, false};
  out.request_id = "r1";
  return out;
}

inline HttpRequest with(HttpRequest base, std::string name, std::string value) {
  base.headers.emplace_back(std::move(name), std::move(value));
  return base;
}

inline HttpRequest as_admin(HttpRequest base) {
  base.peer = {"unix", false, true, false};
  return base;
}

inline HttpRequest json_post(const std::string& target, std::string body) {
  HttpRequest out = with(request("POST", target), "content-type", "application/json");
  out.body = std::move(body);
  return out;
}

inline std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

// Compares with test/fixtures/api/NAME; VOLTA_UPDATE_GOLDEN=1 writes it instead.
inline void check_golden(const std::string& name, const std::string& got) {
  const auto path = test::fixtures() / "api" / name;
  if (std::getenv("VOLTA_UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    std::ofstream(path, std::ios::binary) << got << '\n';
    return;
  }
  std::ifstream in(path, std::ios::binary);
  std::stringstream want;
  want << in.rdbuf();
  INFO(path);
  CHECK(got + "\n" == want.str());
}

}  // namespace volta::test
