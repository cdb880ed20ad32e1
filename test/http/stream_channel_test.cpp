#include "http/stream_channel.hpp"

#include <catch2/catch.hpp>

#include "shared.hpp"

namespace volta {
namespace {

using test::text;

struct Bench {
  explicit Bench(std::size_t most_bytes = 100)
      : channel(std::make_shared<StreamChannel>(most_bytes, counters)) {
    channel->attach([this] { ++wakes; });
  }
  // All that waits, joined by blanks, then "close CODE".
  std::string drain() {
    std::string all;
    while (true) {
      const StreamChannel::Item item = channel->take();
      if (item.message) all += *item.message + " ";
      if (item.close) return all + "close " + std::to_string(item.close->code);
      if (!item.message) return all;
    }
  }

  std::shared_ptr<HttpCounters> counters = std::make_shared<HttpCounters>();
  std::shared_ptr<StreamChannel> channel;
  int wakes = 0;
};

TEST_CASE("messages come in order, and the connection is woken once") {
  Bench bench;
  bench.channel->send("", text("a"));
  bench.channel->send("", text("b"));
  bench.channel->send("k", text("c"));
  CHECK(bench.wakes == 1);
  CHECK(bench.drain() == "a b c ");
  CHECK(bench.drain().empty());
  bench.channel->send("k", text("d"));
  CHECK(bench.wakes == 2);
  CHECK(bench.drain() == "d ");
  CHECK(bench.counters->dropped() == 0);
}

TEST_CASE("the latest of a key wins and goes to the end") {
  Bench bench;
  bench.channel->send("a", text("a1"));
  bench.channel->send("b", text("b1"));
  bench.channel->send("", text("index"));
  bench.channel->send("a", text("a2"));
  bench.channel->send("a", text("a3"));
  CHECK(bench.drain() == "b1 index a3 ");
  CHECK(bench.counters->dropped() == 2);
}

TEST_CASE("many replacements never add up") {
  Bench bench(100);
  for (int i = 0; i < 10'000; ++i) bench.channel->send("a", text(std::string(60, 'x')));
  CHECK(bench.drain() == std::string(60, 'x') + " ");
  CHECK(bench.counters->dropped() == 9'999);
}

TEST_CASE("too far behind is closed with 1013 and nothing is kept") {
  Bench bench(100);
  bench.channel->send("", text(std::string(50, 'x')));
  bench.channel->send("", text(std::string(50, 'y')));
  CHECK_FALSE(bench.channel->close_waits());
  bench.channel->send("", text("z"));
  CHECK(bench.channel->close_waits());
  CHECK(bench.wakes == 2);  // woken even though it may be stuck in a write
  bench.channel->send("", text("later"));
  CHECK(bench.drain() == "close 1013");
  CHECK(bench.drain().empty());
}

TEST_CASE("one message may be larger than the bound, and others may follow it") {
  Bench bench(100);
  bench.channel->send("", text(std::string(500, 'x')));
  bench.channel->send("", text("y"));
  CHECK(bench.drain() == std::string(500, 'x') + " y ");
  for (int i = 0; i < 3; ++i) bench.channel->send("", text(std::string(500, 'x')));
  CHECK(bench.drain() == "close 1013");
}

TEST_CASE("close comes after what is queued, close_now in its place") {
  Bench polite;
  polite.channel->send("", text("why"));
  polite.channel->close(1008, "no");
  polite.channel->close(1000, "second");
  polite.channel->send("", text("later"));
  CHECK(polite.drain() == "why close 1008");
  Bench rude;
  rude.channel->send("", text("why"));
  rude.channel->close_now(1001, "stop");
  CHECK(rude.drain() == "close 1001");
  Bench both;
  both.channel->send("", text("why"));
  both.channel->close(1008, "no");
  both.channel->close_now(1001, "stop");
  CHECK(both.drain() == "close 1008");
}

TEST_CASE("what was sent before the connection stands waits; after its end nothing does") {
  const auto counters = std::make_shared<HttpCounters>();
  StreamChannel channel(100, counters);
  channel.send("", text("early"));
  int wakes = 0;
  channel.attach([&] { ++wakes; });
  CHECK(wakes == 1);
  CHECK(*channel.take().message == "early");
  channel.detach();
  channel.send("", text("late"));
  channel.close(1000, "");
  channel.close_now(1000, "");
  CHECK(wakes == 1);
  const auto item = channel.take();
  CHECK_FALSE(item.message);
  CHECK_FALSE(item.close);
}

}  // namespace
}  // namespace volta
