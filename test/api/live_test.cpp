#include "api/live.hpp"

#include <random>
#include <set>
#include <thread>

#include <boost/json.hpp>

#include "api/fakes.hpp"
#include "support/seed.hpp"

namespace volta::test {
namespace {

using namespace std::chrono_literals;

using Points = std::vector<std::pair<SeriesId, double>>;

// A batch of one or more ticks as the ingest hands it over; values in the series' unit.
void feed(House& house, const std::vector<std::pair<std::int64_t, Points>>& ticks,
          HostId host = HostId(1)) {
  std::vector<std::shared_ptr<const SeriesRecord>> series;
  std::map<SeriesId, Slot> slots;
  for (const auto& [time, points] : ticks) {
    for (const auto& [id, value] : points) {
      if (slots.emplace(id, static_cast<Slot>(series.size())).second) {
        series.push_back(house.world.record(id));
      }
    }
  }
  DecodedBatch batch;
  batch.slots = static_cast<std::uint32_t>(series.size());
  for (const auto& tick : ticks) batch.times_ms.push_back(tick.first);
  batch.values.resize(series.size() * ticks.size());
  batch.present.resize(batch.values.size());
  for (std::size_t t = 0; t < ticks.size(); ++t) {
    for (const auto& [id, value] : ticks[t].second) {
      const Slot slot = slots.at(id);
      const double unit = to_double(ValueType::int64, series[slot]->def.scale, 1);
      batch.values[batch.at(slot, t)] =
          static_cast<std::uint64_t>(static_cast<std::int64_t>(std::llround(value / unit)));
      batch.present[batch.at(slot, t)] = 1;
    }
  }
  house.hub.on_batch(host, batch, series);
}

void feed_and_wait(House& house, const std::vector<std::pair<std::int64_t, Points>>& ticks) {
  feed(house, ticks);
  house.hub.drain();
}

struct Page {
  explicit Page(House& house)
      : sender(std::make_shared<FakeSender>()),
        receiver(
            house.hub.connect({sender, {Role::viewer, How::loopback, {}}, [] { return true; }})) {}
  void say(const std::string& text) { receiver->on_message(text); }
  void subscribe(const std::string& id, const std::string& more) {
    say(R"({"op":"subscribe","id":")" + id + R"(","host":"alpha",)" + more + "}");
  }
  std::vector<std::string> take() { return sender->take(); }

  std::shared_ptr<FakeSender> sender;
  std::unique_ptr<StreamReceiver> receiver;
};

std::string code_in(const std::string& message) {
  const auto parsed = boost::json::parse(message);
  return parsed.at("op").as_string() == "error"
             ? std::string(parsed.at("problem").at("code").as_string().c_str())
             : "";
}

constexpr const char* kLoad = R"("names":["volta_load1"])";

}  // namespace

TEST_CASE("first the index, then the newest samples, at once") {
  House house;
  Page page(house);
  page.subscribe("a", R"("names":["volta_*"],"interval_ms":1000,"rates":true)");
  const auto first = page.take();
  REQUIRE(first.size() == 2);
  check_golden("ws_series.json", first[0]);
  check_golden("ws_data.json", first[1]);

  const auto now = house.clock.wall_ms();
  feed_and_wait(house, {{now + 1000, {{house.energy, 1022.5}, {house.load, 0.75}}}});
  const auto second = page.take();
  REQUIRE(second.size() == 1);
  CHECK(second[0] == R"({"op":"data","id":"a","ts":1795226941000,"i":[0,1],"v":[10,0.75]})");
  CHECK(page.sender->code() == 0);
}

TEST_CASE("counters as they are, unless rates are wanted") {
  House house;
  Page page(house);
  page.subscribe("a", R"("names":["volta_energy_*"])");
  auto messages = page.take();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].find(R"("unit":"joules")") != std::string::npos);
  CHECK(messages[0].find(R"("rate")") == std::string::npos);
  CHECK(messages[1].find(R"("v":[1012.5])") != std::string::npos);
}

TEST_CASE("rates are averages since the last frame, and null at a reset") {
  House house;
  Page page(house);
  page.subscribe("a", R"("names":["volta_energy_*"],"rates":true,"interval_ms":3000)");
  page.take();
  const auto now = house.clock.wall_ms();
  feed_and_wait(house, {{now + 1000, {{house.energy, 1013.5}}}});
  feed_and_wait(house, {{now + 2000, {{house.energy, 1040.5}}}});
  CHECK(page.take().empty());
  feed_and_wait(house, {{now + 3000, {{house.energy, 1042.5}}}});
  CHECK(page.take().at(0).find(R"("v":[10])") != std::string::npos);
  feed_and_wait(house, {{now + 6000, {{house.energy, 3}}}});
  CHECK(page.take().at(0).find(R"("v":[null])") != std::string::npos);
  feed_and_wait(house, {{now + 9000, {{house.energy, 9}}}});
  CHECK(page.take().at(0).find(R"("v":[2])") != std::string::npos);
}

TEST_CASE("an interval forgives jitter and a clock that goes back") {
  House house;
  Page page(house);
  page.subscribe("a", std::string(kLoad) + R"(,"interval_ms":2000)");
  page.take();
  const auto now = house.clock.wall_ms();
  const auto check = [&](std::int64_t time_ms, bool sent) {
    feed_and_wait(house, {{time_ms, {{house.load, 1}}}});
    INFO(time_ms - now);
    CHECK(page.take().empty() == !sent);
  };
  check(now + 1000, false);
  check(now + 1990, true);
  check(now + 3000, false);
  check(now + 3800, true);
  check(now + 3799, false);  // an old run that drains
  check(now - 3'600'000, false);
  house.clock.advance(15s);
  check(now - 3'600'000, true);  // nothing newer came: the clock went back
  check(now - 3'598'000, true);
}

TEST_CASE("a batch of many ticks is one frame of its last values") {
  House house;
  Page page(house);
  page.subscribe("a", R"("names":["volta_load1","volta_memory_*"])");
  page.take();
  const auto now = house.clock.wall_ms();
  feed_and_wait(house, {{now + 1000, {{house.load, 1}, {house.memory, 7}}},
                        {now + 2000, {{house.load, 2}}},
                        {now + 3000, {{house.load, 3}}}});
  const auto messages = page.take();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == R"({"op":"data","id":"a","ts":1795226943000,"i":[0,1],"v":[3,7]})");
}

TEST_CASE("new series enter the index before their first value") {
  House house;
  Page page(house);
  page.subscribe("a", R"("names":["volta_load*"])");
  page.take();
  const auto fresh = house.world.put_series(HostId(1), make_series(metrics::load5, {}));
  const auto other = house.world.put_series(HostId(1), make_series(metrics::threads, {}));
  const auto now = house.clock.wall_ms();
  feed_and_wait(house, {{now + 1000, {{other, 100}, {fresh, 2}, {house.load, 1}}}});
  const auto messages = page.take();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].find(R"("index":[{"i":1,"name":"volta_load5")") != std::string::npos);
  CHECK(messages[1].find(R"("i":[0,1],"v":[1,2])") != std::string::npos);
}

TEST_CASE("the tick of the next full second does not wait for the frame of a start") {
  House house;
  Page page(house);
  page.subscribe("a", R"("names":["volta_load*"],"interval_ms":1000)");
  page.take();
  const auto second = house.clock.wall_ms() / 1000 * 1000 + 5000;
  feed_and_wait(house, {{second + 400, {{house.load, 1}}}});
  CHECK(page.take().size() == 1);
  feed_and_wait(house, {{second + 1000, {{house.load, 2}}}});
  CHECK(page.take().size() == 1);
  feed_and_wait(house, {{second + 1300, {{house.load, 3}}}});
  CHECK(page.take().empty());
}

TEST_CASE("a slow client loses frames, never an index, and no frame runs ahead of its index") {
  House house;
  Page page(house);
  page.subscribe("a", R"("names":["volta_load*"])");
  const auto now = house.clock.wall_ms();
  feed_and_wait(house, {{now + 1000, {{house.load, 1}}}});
  const auto fresh = house.world.put_series(HostId(1), make_series(metrics::load5, {}));
  feed_and_wait(house, {{now + 2000, {{house.load, 2}, {fresh, 5}}}});
  feed_and_wait(house, {{now + 3000, {{house.load, 3}, {fresh, 6}}}});
  const auto messages = page.take();
  REQUIRE(messages.size() == 4);
  CHECK(messages[0].find(R"("index":[{"i":0)") != std::string::npos);
  CHECK(messages[1].find(R"("i":[0],"v":[1])") != std::string::npos);
  CHECK(messages[2].find(R"("index":[{"i":1)") != std::string::npos);
  CHECK(messages[3].find(R"("i":[0,1],"v":[3,6])") != std::string::npos);
}

TEST_CASE("who joins later has the whole index and all values") {
  House house;
  Page early(house);
  early.subscribe("a", R"("names":["volta_load*","volta_memory_*"])");
  const auto now = house.clock.wall_ms();
  feed_and_wait(house, {{now + 1000, {{house.load, 1}}}});
  Page late(house);
  late.subscribe("b", R"("names":["volta_load*","volta_memory_*"])");
  const auto messages = late.take();
  REQUIRE(messages.size() == 2);
  CHECK(messages[1] == R"({"op":"data","id":"b","ts":1795226941000,"i":[0,1],"v":[1,4294967296]})");
  feed_and_wait(house, {{now + 2000, {{house.load, 2}}}});
  CHECK(late.take().at(0).find(R"("id":"b","ts":1795226942000,"i":[0],"v":[2])") !=
        std::string::npos);
  CHECK(early.take().size() == 2);
}

TEST_CASE("only a watched host is watched") {
  House house;
  CHECK(house.world.watchers(HostId(1)) == 0);
  {
    Page page(house);
    page.subscribe("a", kLoad);
    page.subscribe("b", kLoad);
    CHECK(house.world.watchers(HostId(1)) == 2);
    page.say(R"({"op":"unsubscribe","id":"a"})");
    CHECK(house.world.watchers(HostId(1)) == 1);
    page.take();
    feed_and_wait(house, {{house.clock.wall_ms() + 1000, {{house.load, 1}}}});
    CHECK(page.take().size() == 1);
  }
  CHECK(house.world.watchers(HostId(1)) == 0);
  feed_and_wait(house, {{house.clock.wall_ms() + 2000, {{house.load, 1}}}});
}

TEST_CASE("a host that has said nothing yet") {
  House house;
  Page page(house);
  page.say(R"({"op":"subscribe","id":"a","host":"beta","names":["*"]})");
  CHECK(page.take() == std::vector<std::string>{R"({"op":"series","id":"a","index":[]})"});
}

TEST_CASE("messages that are refused") {
  House house;
  Page page(house);
  const auto check = [&](const std::string& text, const std::string& code) {
    page.say(text);
    const auto messages = page.take();
    INFO(text);
    REQUIRE(messages.size() == 1);
    CHECK(code_in(messages[0]) == code);
  };
  check("", "bad_message");
  check("[]", "bad_message");
  check("{}", "bad_message");
  check(R"({"op":"dance","id":"a"})", "bad_message");
  check(R"({"op":"subscribe","id":"a"})", "bad_message");
  check(R"({"op":"subscribe","id":"a","host":"nobody"})", "host_not_found");
  check(R"({"op":"unsubscribe","id":"a"})", "subscription_not_found");
  page.say(R"({"op":"subscribe","id":"q","host":"nobody","names":["*"]})");
  check_golden("ws_error.json", page.take().at(0));

  for (std::size_t i = 0; i < LiveHub::kMostSubscriptions; ++i) {
    page.subscribe(std::to_string(i), kLoad);
  }
  page.take();
  check(R"({"op":"subscribe","id":"1","host":"alpha"})", "subscription_exists");
  check(R"({"op":"subscribe","id":"x","host":"alpha"})", "too_many_subscriptions");
  CHECK(house.world.watchers(HostId(1)) == static_cast<int>(LiveHub::kMostSubscriptions));

  house.world.failing = true;
  check(R"({"op":"subscribe","id":"x","host":"alpha"})", "internal");
  house.world.failing = false;
}

TEST_CASE("a flood of messages ends the client, patience does not") {
  House house;
  Page page(house);
  for (int i = 0; i < 300; ++i) {
    page.say("{}");
    house.clock.advance(50ms);
  }
  CHECK(page.sender->code() == 0);
  for (int i = 0; i < 101; ++i) page.say("{}");
  CHECK(page.sender->code() == 1008);
}

TEST_CASE("a session that ends takes its streams along") {
  House house;
  std::atomic<bool> allowed{true};
  auto sender = std::make_shared<FakeSender>();
  auto receiver = house.hub.connect(
      {sender, {Role::admin, How::session, Sha256{}}, [&] { return allowed.load(); }});
  receiver->on_message(R"({"op":"subscribe","id":"a","host":"alpha","names":["volta_load1"]})");
  sender->take();
  house.clock.advance(5s);
  feed_and_wait(house, {{house.clock.wall_ms(), {{house.load, 1}}}});
  CHECK(sender->take().size() == 1);
  CHECK(sender->code() == 0);
  allowed = false;
  house.clock.advance(5s);
  feed_and_wait(house, {{house.clock.wall_ms(), {{house.load, 1}}}});
  CHECK(sender->code() == 4401);
  sender->take();
  feed_and_wait(house, {{house.clock.wall_ms() + 1000, {{house.load, 1}}}});
  CHECK(sender->take().empty());

  auto other = std::make_shared<FakeSender>();
  auto told = house.hub.connect({other, {Role::admin, How::session, {}}, [] { return false; }});
  told->on_message(R"({"op":"subscribe","id":"a","host":"alpha","names":["*"]})");
  CHECK(other->code() == 4401);
  CHECK(other->take().empty());
}

TEST_CASE("more series than one subscription may have") {
  House house;
  for (std::size_t i = 0; i < LiveGroup::kMostIndexed + 10; ++i) {
    const auto id = house.world.put_series(
        HostId(1), make_series(metrics::cpu_frequency_hertz, {{"cpu", std::to_string(i)}}));
    house.world.put_sample(id, house.clock.wall_ms(), 1);
  }
  Page page(house);
  page.subscribe("a", R"("names":["volta_cpu_*"])");
  const auto messages = page.take();
  REQUIRE(messages.size() == 3);
  CHECK(boost::json::parse(messages[0]).at("index").as_array().size() == LiveGroup::kMostIndexed);
  CHECK(code_in(messages[2]) == "too_many_series");
}

TEST_CASE("an index that would not fit into a client's queue") {
  House house;
  for (int i = 0; i < 1000; ++i) {
    const auto id = house.world.put_series(
        HostId(1), make_series(metrics::cpu_frequency_hertz,
                               {{"cpu", std::string(1000, 'x') + std::to_string(i)}}));
    house.world.put_sample(id, house.clock.wall_ms(), 1);
  }
  Page page(house);
  page.subscribe("a", R"("names":["volta_cpu_*"])");
  const auto messages = page.take();
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].size() < LiveGroup::kMostIndexBytes);
  CHECK(messages[0].size() > LiveGroup::kMostIndexBytes / 2);
  CHECK(code_in(messages[2]) == "too_many_series");
}

TEST_CASE("what has long gone silent is not shown as new") {
  House house;
  const auto gone = house.world.put_series(HostId(1), make_series(metrics::load5, {}));
  house.world.put_sample(gone, house.clock.wall_ms() - 300'001, 1);
  Page page(house);
  page.subscribe("a", R"("names":["volta_load*"])");
  CHECK(page.take().at(0).find("volta_load5") == std::string::npos);
  feed_and_wait(house, {{house.clock.wall_ms() + 1000, {{gone, 2}}}});
  CHECK(page.take().at(0).find(R"("i":1,"name":"volta_load5")") != std::string::npos);
}

TEST_CASE("streams are opened by the same rules as everything else") {
  House server(House::key_access(), "server");
  auto sender = std::make_shared<FakeSender>();
  const auto status = [&](const HttpRequest& asked) {
    auto opened = server.api.open_stream(asked, sender);
    return std::holds_alternative<HttpResponse>(opened) ? std::get<HttpResponse>(opened).status : 0;
  };
  const auto key = [](HttpRequest asked) {
    return with(std::move(asked), "authorization", "Bearer " + std::string(kKey));
  };
  const auto ws = request("GET", "/api/v1/ws");
  CHECK(server.api.stream_kind(ws) == StreamKind::web_socket);
  CHECK(server.api.stream_kind(request("GET", "/api/v1/stream")) == StreamKind::server_sent_events);
  CHECK_FALSE(server.api.stream_kind(request("POST", "/api/v1/ws")).has_value());
  CHECK_FALSE(server.api.stream_kind(request("GET", "/api/v1/hosts")).has_value());

  CHECK(status(ws) == 0);
  CHECK(sender->code() == 4401);
  CHECK(status(with(ws, "authorization", "Bearer wrong")) == 401);
  CHECK(status(request("GET", "/api/v1/ws?x=1")) == 0);
  CHECK(status(key(request("GET", "/api/v1/ws?x=1"))) == 400);
  CHECK(status(request("GET", "/api/v1/stream?host=alpha")) == 401);
  CHECK(status(key(request("GET", "/api/v1/stream"))) == 400);
  CHECK(status(key(request("GET", "/api/v1/stream?host=nobody"))) == 404);
  CHECK(status(key(request("GET", "/api/v1/stream?host=alpha&interval_ms=5"))) == 400);
  CHECK(status(key(request("GET", "/api/v1/stream?host=alpha&names=a,,b"))) == 400);
  CHECK(status(key(request("GET", "/api/v1/stream?host=alpha&interval=1000"))) == 400);
  CHECK(sender->take().empty());

  auto opened = server.api.open_stream(
      key(request("GET", "/api/v1/stream?host=alpha&names=volta_load1,volta_mem*&rates=1")),
      sender);
  CHECK(std::holds_alternative<std::unique_ptr<StreamReceiver>>(opened));
  const auto messages = sender->take();
  REQUIRE(messages.size() == 2);
  CHECK(messages[1].find(R"({"op":"data","id":"stream",)") == 0);
}

TEST_CASE("the hub's own numbers") {
  House house;
  Page page(house);
  page.subscribe("a", kLoad);
  std::vector<MetricFamily> families;
  house.hub.append_to(families);
  REQUIRE(families.size() == 2);
  CHECK(families[0].name == "volta_live_subscriptions");
  CHECK(families[0].samples.at(0).value == 1);
  CHECK(families[1].samples.at(0).value == 0);
}

// Whatever happens in whatever order: no frame names an index that its client was not told before,
// and time only rises within a subscription.
TEST_CASE("random life on the stream") {
  const auto seed = test::random_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto chance = [&](unsigned of) { return random() % of == 0; };
  House house;
  Page page(house);
  std::vector<SeriesId> series = {house.load, house.memory};
  std::set<std::string> open;
  std::map<std::string, std::size_t> known;
  std::map<std::string, std::int64_t> shown;
  std::size_t frames = 0;
  const auto listen = [&] {
    for (const std::string& text : page.take()) {
      const auto message = boost::json::parse(text);
      const std::string id = message.at("id").as_string().c_str();
      if (message.at("op").as_string() == "series") {
        std::size_t next = message.at("index").as_array().empty()
                               ? 0
                               : message.at("index").at(0).at("i").to_number<std::size_t>();
        if (next == 0) shown[id] = 0;  // a new subscription of that id
        if (next == 0) known[id] = 0;
        REQUIRE(next == known[id]);
        known[id] += message.at("index").as_array().size();
        continue;
      }
      REQUIRE(message.at("op").as_string() == "data");
      for (const auto& i : message.at("i").as_array()) {
        REQUIRE(i.to_number<std::size_t>() < known[id]);
      }
      REQUIRE(message.at("ts").as_int64() > shown[id]);
      shown[id] = message.at("ts").as_int64();
      ++frames;
    }
  };
  for (int step = 0; step < 2000; ++step) {
    house.clock.advance(500ms);
    const std::string id = std::to_string(random() % 4);
    if (chance(4) && open.insert(id).second) {
      page.subscribe(id, chance(2) ? R"("names":["*"])" : kLoad);
    } else if (chance(8) && open.erase(id) > 0) {
      page.say(R"({"op":"unsubscribe","id":")" + id + "\"}");
    } else {
      if (chance(20)) {
        series.push_back(house.world.put_series(
            HostId(1),
            make_series(metrics::cpu_frequency_hertz, {{"cpu", std::to_string(series.size())}})));
      }
      Points points;
      for (const SeriesId one : series) {
        if (chance(2)) points.emplace_back(one, random() % 100);
      }
      feed_and_wait(house, {{house.clock.wall_ms(), points}});
      for (const auto& [one, value] : points) {
        house.world.put_sample(one, house.clock.wall_ms(), value);
      }
    }
    if (chance(3)) listen();
  }
  listen();
  CHECK(frames > 100);
}

TEST_CASE("clients come and go while batches arrive") {
  House house;
  std::atomic<bool> done{false};
  std::thread ingest([&] {
    for (int i = 1; i < 400; ++i) {
      feed(house,
           {{house.clock.wall_ms() + i * 1000, {{house.load, 1}, {house.energy, 2000.0 + i}}}});
    }
    done = true;
  });
  const auto visit = [&] {
    do {
      Page page(house);
      page.subscribe("a", R"("names":["*"],"rates":true)");
      page.subscribe("b", kLoad);
      page.say(R"({"op":"unsubscribe","id":"a"})");
      const auto messages = page.take();
      if (messages.empty() || messages[0].find(R"("op":"series")") == std::string::npos) {
        throw std::runtime_error("no index first");
      }
      std::vector<MetricFamily> families;
      house.hub.append_to(families);
    } while (!done);
  };
  std::thread one(visit);
  std::thread two(visit);
  ingest.join();
  one.join();
  two.join();
  house.hub.drain();
  CHECK(house.world.watchers(HostId(1)) == 0);
}

}  // namespace volta::test
