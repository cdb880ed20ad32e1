// A probe to look at, not a test: what foreign samples cost the store, and selectors and reads.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/clock.hpp"
#include "store/store.hpp"

namespace {

using namespace volta;  // NOLINT: a probe

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

template <typename Work>
void timed(const char* what, double per, const Work& work) {
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double used = cpu_seconds() - cpu;
  std::printf("%-44s %9.3f ms wall %9.3f ms CPU %12.0f /CPU-s\n", what, wall.count() * 1e3,
              used * 1e3, used > 0 ? per / used : 0);
}

constexpr int kSeries = 100'000;
constexpr int kRequest = 2'000;
constexpr int kRounds = 20;

std::shared_ptr<const Labels> labels_of(int number) {
  const std::string pod = std::to_string(number / 50);
  return std::make_shared<const Labels>(
      Labels{{"__name__", "container_metric_" + std::to_string(number % 50) + "_total"},
             {"cluster", "one"},
             {"instance", "10.0.0." + std::to_string(number / 5000) + ":9100"},
             {"job", "kubelet"},
             {"namespace", "team-" + std::to_string(number % 7)},
             {"pod", "pod-" + pod}});
}

void run(const std::filesystem::path& directory) {
  StoreOptions options;
  options.directory = directory;
  options.raw_age = std::chrono::milliseconds(0);
  options.seal_in_background = false;
  Store store(options, system_clock());
  std::vector<std::vector<LabeledSamples>> requests;
  for (int first = 0; first < kSeries; first += kRequest) {
    requests.emplace_back();
    for (int i = first; i < first + kRequest; ++i) {
      requests.back().push_back({labels_of(i), {0}, {0}});
    }
  }
  const std::int64_t start = system_clock().wall_ms() - kRounds * 15'000;
  const auto round = [&](int number) {
    for (auto& request : requests) {
      for (LabeledSamples& samples : request) {
        // As a receiver has it: the labels are made anew.
        samples.labels = std::make_shared<const Labels>(*samples.labels);
        samples.times_ms[0] = start + number * 15'000;
        samples.values[0] = number * 1.5 + static_cast<double>(samples.times_ms[0] % 1000);
      }
      if (store.sink().write(request).state != WriteState::committed) std::printf("not taken\n");
    }
  };
  timed("first samples of 100,000 series", kSeries, [&] { round(0); });
  timed("19 further ones each", kSeries * (kRounds - 1.0), [&] {
    for (int number = 1; number < kRounds; ++number) round(number);
  });
  const SeriesSource& source = store.source();
  const TimeSpan span{0, INT64_MAX};
  const Matchers name{LabelMatcher::equal("__name__", "container_metric_7_total")};
  Matchers one = name;
  one.push_back(LabelMatcher::equal("pod", "pod-77"));
  const Matchers regex{LabelMatcher::make("pod", MatchOp::regex, "pod-1.*7").value(),
                       LabelMatcher::make("namespace", MatchOp::not_equal, "team-3").value()};
  std::vector<QuerySeries> found;
  for (int pass = 0; pass < 2; ++pass) {
    timed("select one", 1, [&] { found = source.select(one, span, 1'000'000).value(); });
    timed("select a name of 2,000", 1,
          [&] { found = source.select(name, span, 1'000'000).value(); });
    timed("select by a regex and !=", 1,
          [&] { found = source.select(regex, span, 1'000'000).value(); });
    timed("select all 100,000", 1, [&] { found = source.select({}, span, 1'000'000).value(); });
  }
  const auto read = [&](const char* what, const Matchers& matchers) {
    found = source.select(matchers, span, 1'000'000).value();
    timed(what, static_cast<double>(found.size()) * kRounds,
          [&] { source.read(found, span, [](std::size_t, const SampleSlice&) { return true; }); });
  };
  for (const bool sealed : {false, true}) {
    if (sealed) timed("seal", kSeries * double{kRounds}, [&] { store.seal_all(); });
    read("read one series", one);
    read("read 2,000 series", name);
    read("read 100,000 series", {});
    const StoreStats stats = store.stats(3);
    std::printf("%.2f bytes per sample of the whole directory, %.2f of samples alone\n",
                stats.whole.bytes_per_sample(), stats.tiers.at(Tier::raw).bytes_per_sample());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  run(argv[1]);
  return 0;
}
