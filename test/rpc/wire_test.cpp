#include "rpc/wire.hpp"

#include <capnp/message.h>
#include <catch2/catch.hpp>

#include "rpc/fake_sink.hpp"

namespace volta::rpc {
namespace {

template <typename Struct>
class Message {
 public:
  typename Struct::Builder build() { return builder_.getRoot<Struct>(); }
  typename Struct::Reader read() { return builder_.getRoot<Struct>().asReader(); }

 private:
  capnp::MallocMessageBuilder builder_;
};

TEST_CASE("a hello comes back as it was") {
  const Hello hello = test::some_hello();
  Message<wire::Hello> message;
  write_hello(hello, message.build());
  const auto read = read_hello(message.read());
  REQUIRE(read);
  CHECK(read->token == hello.token);
  CHECK(read->run == hello.run);
  CHECK(read->host_name == hello.host_name);
  CHECK(read->agent_version == hello.agent_version);
  CHECK(read->clock_ms == hello.clock_ms);
  CHECK(read->facts_json == hello.facts_json);
  CHECK(read->last_seq == hello.last_seq);
}

TEST_CASE("a hello that breaks the rules is refused") {
  const auto problem = [](auto change) -> std::string {
    Message<wire::Hello> message;
    write_hello(test::some_hello(), message.build());
    change(message.build());
    const auto read = read_hello(message.read());
    return read ? "" : read.error().text;
  };
  using Builder = wire::Hello::Builder;
  CHECK(problem([](Builder) {}).empty());
  CHECK_THAT(problem([](Builder out) { out.initToken(31); }), Catch::Contains("token"));
  CHECK_THAT(problem([](Builder out) { out.initToken(33); }), Catch::Contains("token"));
  CHECK_THAT(problem([](Builder out) { out.disownToken(); }), Catch::Contains("token"));
  CHECK_THAT(problem([](Builder out) { out.initRun(15); }), Catch::Contains("run"));
  CHECK_THAT(problem([](Builder out) { out.setHostName("a\nb"); }), Catch::Contains("host name"));
  CHECK_THAT(problem([](Builder out) { out.setHostName("\xff"); }), Catch::Contains("host name"));
  CHECK_THAT(problem([](Builder out) { out.setHostName(std::string(256, 'x')); }),
             Catch::Contains("host name"));
  CHECK_THAT(problem([](Builder out) { out.setAgentVersion(std::string(65, '1')); }),
             Catch::Contains("version"));
  CHECK_THAT(problem([](Builder out) { out.setFactsJson(std::string(65'537, ' ')); }),
             Catch::Contains("facts"));
  CHECK(problem([](Builder out) { out.setFactsJson(std::string(65'536, ' ')); }).empty());
}

TEST_CASE("series come back as they were") {
  std::vector<SeriesDef> series = {test::some_series("user"), test::some_series("idle")};
  series[1].kind = Kind::gauge;
  series[1].type = ValueType::float64;
  series[1].quality = Quality::estimated;
  series[1].scale = -3;
  series[1].labels.clear();
  Message<wire::Session::DefineParams> message;
  write_series(series, message.build().initSeries(2));
  CHECK(message.read().totalSize().wordCount <= words_of(series) + 2);
  const auto read = read_series(message.read().getSeries(), 2);
  REQUIRE(read);
  CHECK(*read == series);
  CHECK_FALSE(read_series(message.read().getSeries(), 1));
}

TEST_CASE("a series that breaks the rules is refused") {
  const auto refused = [](auto change) {
    Message<wire::Session::DefineParams> message;
    write_series(std::vector{test::some_series("user")}, message.build().initSeries(1));
    change(message.build().getSeries()[0]);
    return !read_series(message.read().getSeries(), 10);
  };
  using Builder = wire::SeriesDef::Builder;
  CHECK_FALSE(refused([](Builder) {}));
  CHECK(refused([](Builder out) { out.setName("not valid"); }));
  CHECK(refused([](Builder out) { out.setScale(99); }));
  CHECK(refused([](Builder out) { out.setKind(static_cast<wire::SeriesDef::Kind>(2)); }));
  CHECK(refused([](Builder out) { out.setType(static_cast<wire::SeriesDef::ValueType>(3)); }));
  CHECK(refused([](Builder out) { out.setQuality(static_cast<wire::SeriesDef::Quality>(3)); }));
  CHECK(refused([](Builder out) { out.initLabels(33); }));
  CHECK(refused([](Builder out) { out.getLabels()[0].setKey("zzz"); }));  // not sorted any more
  CHECK(refused([](Builder out) { out.getLabels()[0].setKey("host"); }));
}

TEST_CASE("many series are defined in several calls") {
  SeriesDef fat = test::some_series("user");
  fat.labels[1].second.assign(1000, 'x');
  CHECK(series_for_one_call({}) == 0);
  CHECK(series_for_one_call(std::vector(10, fat)) == 10);
  const std::vector<SeriesDef> many(3000, fat);
  const std::size_t some = series_for_one_call(many);
  CHECK(some > 500);
  CHECK(words_of(std::span(many).first(some)) <= (1U << 20U) / 8 + 8);
}

TEST_CASE("a batch comes back as it was, or is refused for a reason") {
  const EncodedBatch batch = test::some_batch(5, 777);
  const auto reread = [&](auto change) {
    EncodedBatch changed = batch;
    change(changed);
    Message<wire::Session::PushParams> message;
    write_batch(changed, message.build());
    CHECK(message.read().totalSize().wordCount <= words_of(changed));
    return read_batch(message.read());
  };
  const auto good = reread([](EncodedBatch&) {});
  REQUIRE(std::holds_alternative<EncodedBatch>(good));
  const auto& same = std::get<EncodedBatch>(good);
  CHECK(same.seq == batch.seq);
  CHECK(same.key_seq == batch.key_seq);
  CHECK(same.slots == batch.slots);
  CHECK(same.first_ms == batch.first_ms);
  CHECK(same.last_ms == batch.last_ms);
  CHECK(same.points == batch.points);
  CHECK(same.payload == batch.payload);

  const auto fault = [&](auto change) { return std::get<BadBatch>(reread(change)).fault; };
  CHECK(fault([](EncodedBatch& b) { b.seq = 0; }) == BatchFault::malformed);
  CHECK(fault([](EncodedBatch& b) { b.key_seq = 0; }) == BatchFault::malformed);
  CHECK(fault([](EncodedBatch& b) { b.key_seq = 6; }) == BatchFault::malformed);
  CHECK(fault([](EncodedBatch& b) { b.payload.clear(); }) == BatchFault::malformed);
  CHECK(fault([](EncodedBatch& b) { b.slots = kMostSlots + 1; }) == BatchFault::too_many_series);
  CHECK(fault([](EncodedBatch& b) { b.points = kMostBatchPoints + 1; }) == BatchFault::too_large);
  CHECK(fault([](EncodedBatch& b) { b.payload.resize(kLargestBatchBytes + 1); }) ==
        BatchFault::too_large);
}

TEST_CASE("an outcome becomes one event") {
  const auto event = [](const PushOutcome& outcome) {
    Message<wire::Session::PushResults> message;
    write_outcome(outcome, message.build());
    CHECK(message.read().totalSize().wordCount <= words_of(outcome));
    return read_outcome(9, Lane::backlog, message.read());
  };
  CHECK(std::get<Acknowledged>(event(test::durable(12))).durable_seq == 12);
  for (const auto fault : {BatchFault::malformed, BatchFault::too_large,
                           BatchFault::too_many_series, BatchFault::unknown_keyframe}) {
    const auto refused = std::get<BatchRefused>(event(test::refused(fault, "Something is wrong")));
    CHECK(refused.seq == 9);
    CHECK(refused.fault == fault);
    CHECK(refused.text == "Something is wrong");
  }
  CHECK(std::get<NewRunWanted>(event(test::clone("a clone"))).text == "a clone");
  const auto retry = std::get<RetryAfter>(event(test::retry(std::chrono::seconds(5))));
  CHECK(retry.pause == std::chrono::seconds(5));
  CHECK(retry.seq == 9);  // the push that it answers; 0 would be the server's own wish
  CHECK(retry.lane == Lane::backlog);
}

TEST_CASE("refusals and welcomes come back; what a newer server says is understood roughly") {
  Message<wire::Refusal> refusal;
  write_refusal({RefusalReason::disabled_host, "the host is disabled", std::chrono::seconds(60)},
                refusal.build());
  CHECK(read_refusal(refusal.read()).reason == RefusalReason::disabled_host);
  CHECK(read_refusal(refusal.read()).text == "the host is disabled");
  CHECK(read_refusal(refusal.read()).retry_after == std::chrono::seconds(60));
  refusal.build().setReason(static_cast<wire::Refusal::Reason>(77));
  CHECK(read_refusal(refusal.read()).reason == RefusalReason::bad_hello);

  Message<wire::Welcome> welcome;
  write_welcome({"h", 4, 5}, welcome.build());
  CHECK(read_welcome(welcome.read()).host_id == "h");
  CHECK(read_welcome(welcome.read()).durable_seq == 4);
  CHECK(read_welcome(welcome.read()).clock_ms == 5);
}

TEST_CASE("a sentence is made harmless and short") {
  CHECK(read_sentence("plain \xc3\xa4") == "plain \xc3\xa4");
  CHECK(read_sentence("a\x1b[31m\nb") == "a [31m b");
  CHECK(read_sentence("\xff!") == " !");
  const std::string umlauts = [] {
    std::string text = "x";
    for (int i = 0; i < 600; ++i) text += "\xc3\xa4";
    return text;
  }();
  CHECK(read_sentence(umlauts) == umlauts.substr(0, 1023));
}

}  // namespace
}  // namespace volta::rpc
