#include "uplink/run_output.hpp"

#include <catch2/catch.hpp>

#include "uplink/spool_fixture.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;

constexpr RunId kRun = {7};

void add_three(Outbox& outbox) {
  BatchEncoder encoder;
  outbox.learn(test::some_series(2));
  for (std::uint64_t number = 1; number <= 3; ++number) {
    outbox.add(test::numbered_batch(encoder, number, 2), 0ns);
  }
}

TEST_CASE("a server that has more of a run than there is ends a living one, not a restored one") {
  Outbox outbox;
  add_three(outbox);
  RunOutput living(kRun, outbox, 0);
  CHECK_FALSE(living.begin(5, 3));
  CHECK(living.pending() == 3);
  // After a power cut the spool may know less of a run than was sent and taken.
  RunOutput restored = RunOutput::restored({kRun, 0, 3}, outbox);
  CHECK(restored.begin(5, 3));
  CHECK(restored.pending() == 0);
  CHECK_FALSE(restored.next(0ns));
  CHECK(outbox.size() == 0);
}

TEST_CASE("a restored run sends what the server lacks, under the numbers it had") {
  Outbox outbox;
  add_three(outbox);
  RunOutput restored = RunOutput::restored({kRun, 0, 2}, outbox);
  CHECK(restored.run() == kRun);
  CHECK(restored.pending() == 2);
  REQUIRE(restored.begin(1, restored.last_seq()));
  const auto second = restored.next(0ns);
  REQUIRE(second);
  CHECK(second->seq == 2);
  CHECK_FALSE(restored.next(0ns));  // the third is another run's
}

TEST_CASE("a restored run that got another id is a living one") {
  Outbox outbox;
  add_three(outbox);
  RunOutput restored = RunOutput::restored({kRun, 0, 3}, outbox);
  restored.renumber({8});
  CHECK_FALSE(restored.begin(5, 3));
}

}  // namespace
}  // namespace volta
