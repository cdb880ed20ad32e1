#include "app/future_counter.hpp"

#include <catch2/catch.hpp>

#include "prom/fake_sink.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int64_t kMinute = 60'000;

std::shared_ptr<const Labels> named(const std::string& name) {
  return std::make_shared<const Labels>(Labels{{"__name__", name}});
}

double future_samples(const FutureCounter& counter) {
  std::vector<MetricFamily> families;
  counter.append_to(families);
  REQUIRE(families.size() == 1);
  CHECK(families[0].name == "volta_server_future_samples_total");
  return families[0].samples.at(0).value;
}

TEST_CASE("samples ahead of the server are counted and stored all the same") {
  test::FakeClock clock(kNow);
  test::FakeSink kept;
  FutureCounter counter(kept, clock);
  const std::vector<LabeledSamples> request{
      {named("a"), {kNow, kNow + 5 * kMinute}, {1, 2}},  // not more than five minutes
      {named("b"), {kNow, kNow + 5 * kMinute + 1, kNow + 6 * kMinute}, {1, 2, 3}},
      {named("c"), {}, {}}};
  CHECK(counter.write(request).written == 5);
  CHECK(future_samples(counter) == 2);
  CHECK(kept.at("{__name__=\"b\"}", kNow + 6 * kMinute) == 3);

  KeyedSamples keyed;
  keyed.series = {{"d", 0, 1}, {"e", 1, 2}};
  keyed.times_ms = {kNow, kNow, kNow + 10 * kMinute};
  keyed.values = {1, 2, 3};
  keyed.labels = [](std::string_view key) { return Result(named(std::string(key))); };
  CHECK(counter.write_keyed(keyed).written == 3);
  CHECK(future_samples(counter) == 3);
  CHECK(kept.at("{__name__=\"e\"}", kNow + 10 * kMinute) == 3);
}

TEST_CASE("what was not taken is not counted as ahead") {
  test::FakeClock clock(kNow);
  test::FakeSink kept;
  FutureCounter counter(kept, clock);
  const std::vector<LabeledSamples> request{{named("a"), {kNow + 6 * kMinute}, {1}}};
  kept.state = WriteState::busy;
  CHECK(counter.write(request).state == WriteState::busy);
  CHECK(future_samples(counter) == 0);
  kept.state = WriteState::committed;
  CHECK(counter.write(request).written == 1);
  CHECK(future_samples(counter) == 1);
}

// As the store does with what is a day ahead.
struct NoFuture final : SampleSink {
  WriteOutcome write(std::span<const LabeledSamples> series) override {
    WriteOutcome outcome;
    for (const LabeledSamples& one : series) {
      const bool far = one.times_ms.back() > kNow + 24 * 60 * kMinute;
      (far ? outcome.refused : outcome.written) += one.times_ms.size();
    }
    return outcome;
  }
  void describe(std::span<const MetricMetadata> /*metrics*/) override {}
};

TEST_CASE("what is refused for its time is not counted as taken ahead") {
  test::FakeClock clock(kNow);
  NoFuture kept;
  FutureCounter counter(kept, clock);
  const std::vector<LabeledSamples> request{
      {named("seconds"), {kNow * 1000, kNow * 1000 + 1}, {1, 2}},
      {named("now"), {kNow, kNow + 1}, {1, 2}},
      {named("soon"), {kNow + 6 * kMinute}, {1}}};
  CHECK(counter.write(request).written == 3);
  CHECK(future_samples(counter) == 1);
}

}  // namespace
}  // namespace volta
