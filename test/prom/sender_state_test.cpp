#include "prom/sender_state.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("a sender's state reads back") {
  SenderState state;
  state.url = "https://x.example/api/v1/write?a=b c";
  state.version = WriteVersion::v1;
  state.shards = {{{7, 0}, {9, 4}}, {{18'446'744'073'709'551'615U, 4'294'967'295U}, {}}};
  const auto back = parse_sender_state(to_text(state));
  REQUIRE(back);
  CHECK(back->url == state.url);
  CHECK(back->version == WriteVersion::v1);
  REQUIRE(back->shards.size() == 2);
  CHECK(back->shards[0].done == ForwardPosition{7, 0});
  CHECK(back->shards[0].until == ForwardPosition{9, 4});
  CHECK(back->shards[1].done == state.shards[1].done);
  CHECK(to_text(*back) == to_text(state));
}

TEST_CASE("what is not a state is none") {
  const std::string good = "volta-sender 1\nurl u\nversion 2\nshard 1.0 0.0\n";
  REQUIRE(parse_sender_state(good));
  for (const char* text :
       {"", "volta-sender 2\nurl u\nversion 2\nshard 1.0 0.0\n",
        "volta-sender 1\nurl u\nversion 2\n", "volta-sender 1\nurl u\nversion 3\nshard 1.0 0.0\n",
        "volta-sender 1\nurl u\nversion 2\nshard 1 0.0\n",
        "volta-sender 1\nurl u\nversion 2\nshard 1.0\n",
        "volta-sender 1\nurl u\nversion 2\nshard 1.4294967296 0.0\n",
        "volta-sender 1\nurl u\nversion 2\nshrad 1.0 0.0\n"}) {
    INFO(text);
    CHECK_FALSE(parse_sender_state(text));
  }
}

TEST_CASE("another URL begins with 2.0, another number of shards with the last of them") {
  SenderState state;
  state.url = "a";
  state.version = WriteVersion::v1;
  state.shards = {{{9, 1}, {9, 5}}, {{7, 2}, {8, 0}}};
  const SenderState same = fit_sender_state(state, "a", 2);
  CHECK(to_text(same) == to_text(state));
  CHECK(fit_sender_state(state, "b", 2).version == WriteVersion::v2);
  const SenderState more = fit_sender_state(state, "a", 3);
  CHECK(more.version == WriteVersion::v1);
  REQUIRE(more.shards.size() == 3);
  for (const ShardCursor& shard : more.shards) {
    CHECK(shard.done == ForwardPosition{7, 2});
    CHECK(shard.until == ForwardPosition{});
  }
}

}  // namespace
}  // namespace volta
