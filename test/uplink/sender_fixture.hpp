// A sender, a link that the test answers for, and batches whose content tells their number.
#pragma once

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"
#include "uplink/fake_link.hpp"
#include "uplink/sender.hpp"

namespace volta::test {

constexpr auto kLong = std::chrono::milliseconds(std::chrono::hours(1));

using Seqs = std::vector<std::uint64_t>;

struct SenderFixture {
  test::FakeClock clock;
  test::FakeLink link;
  Outbox outbox;
  BatchWishes wishes;
  BatchEncoder encoder;
  double random = 0.5;
  std::uint8_t runs = 0;
  Sender sender;

  SenderFixture() : SenderFixture(OutboxLimits{}) {}
  explicit SenderFixture(OutboxLimits limits)
      : outbox(limits),
        sender(link, outbox, wishes, clock, AgentIdentity{{}, "h", "1", {}},
               Chance{[this] { return random; }, [this] { return RunId{++runs}; }}) {
    std::vector<SeriesDef> layout(3);
    for (std::size_t i = 0; i < 3; ++i) layout[i].name = "m" + std::to_string(i);
    outbox.learn(layout);
  }
  // Batches that count from a keyframe every `key_every` of them.
  void add(int count, int key_every = 1000) {
    for (int i = 0; i < count; ++i) {
      const std::uint64_t number = outbox.newest() + 1;
      if (number % static_cast<std::uint64_t>(key_every) == 1) encoder.force_keyframe();
      encoder.add(clock.wall_ms(), std::vector<Reading>{{0, number}, {2, 7}});
      outbox.add(encoder.finish(3), clock.monotonic());
    }
  }
  std::chrono::milliseconds step() { return sender.step(kLong); }
  void connect() {
    step();
    REQUIRE(sender.connected());
  }
  void hear(LinkEvent event) {
    link.events.push_back(std::move(event));
    step();
  }
  Seqs seqs() const { return seqs_of(link.pushed); }
  Seqs drained() const { return seqs_of(link.drained); }
  // What the batches count from that follow batch 1, the first keyframe.
  static KeyValues key_of_first() { return {1, 0, 7}; }

 private:
  static Seqs seqs_of(const std::vector<EncodedBatch>& batches) {
    Seqs out;
    for (const EncodedBatch& batch : batches) out.push_back(batch.seq);
    return out;
  }
};

// That the values inside are those of the outbox' batches `first` and following.
// `key`: what the first of them counts from, if it is no keyframe.
inline void check_content(const std::vector<EncodedBatch>& pushed, std::size_t from,
                          std::uint64_t first, KeyValues key = {}) {
  for (std::size_t i = from; i < pushed.size(); ++i) {
    const auto decoded = decode_batch(pushed[i], key);
    REQUIRE(decoded);
    CHECK(decoded->values.at(0) == first + (i - from));
    if (pushed[i].key_seq == pushed[i].seq) key = key_values(*decoded);
  }
}

}  // namespace volta::test
