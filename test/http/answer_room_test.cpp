#include "http/answer_room.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using std::chrono::seconds;

// Rooms of 100 bytes; 30 s are fair, and nothing is judged before 5 s.
struct Room {
  AnswerRoom room{{100, seconds(30), seconds(5)}};
  int ended = 0;

  std::unique_ptr<AnswerRoom::Place> take(std::size_t bytes, int at_s) {
    return room.take(bytes, seconds(at_s), [this] { ++ended; });
  }
};

}  // namespace

TEST_CASE("answers share the room, and the only one is never too large") {
  Room it;
  auto huge = it.take(1000, 0);
  REQUIRE(huge);
  CHECK_FALSE(it.take(1, 0));
  huge.reset();
  auto a = it.take(60, 0);
  auto b = it.take(40, 0);
  REQUIRE(a);
  REQUIRE(b);
  CHECK_FALSE(it.take(1, 1));
  a.reset();
  CHECK(it.take(60, 1));
  CHECK(it.ended == 0);
}

TEST_CASE("who reads slowly gives way once there is no room, who reads well does not") {
  struct Case {
    std::size_t sent;
    int at_s;
    bool gives_way;
  };
  const Case cases[] = {
      {0, 4, false},    // not judged yet
      {0, 5, true},     // stands still
      {15, 5, true},    // 33 s in all
      {17, 5, false},   // 29 s in all
      {70, 22, true},   // 31 s
      {99, 31, true},   // nearly through, but beyond its time
      {100, 29, false}  // the last bytes are with the kernel
  };
  for (const Case& item : cases) {
    CAPTURE(item.sent, item.at_s);
    Room it;
    auto old = it.take(100, 0);
    old->sent(item.sent);
    const auto next = it.take(50, item.at_s);
    CHECK(bool(next) == item.gives_way);
    CHECK(it.ended == (item.gives_way ? 1 : 0));
    old.reset();
    CHECK(bool(it.take(51, item.at_s)) == !item.gives_way);
  }
}

TEST_CASE("nobody is hurried while there is room, and nobody is ended in vain") {
  Room it;
  auto slow = it.take(40, 0);
  auto quick = it.take(40, 0);
  quick->sent(39);
  CHECK(it.take(20, 20));
  CHECK(it.ended == 0);
  CHECK_FALSE(it.take(61, 20));  // the slow one's share would not be enough
  CHECK(it.ended == 0);
  CHECK(it.take(60, 20));
  CHECK(it.ended == 1);
}

TEST_CASE("the slowest give way first, and no more of them than needed") {
  AnswerRoom room({100, seconds(30), seconds(5)});
  std::string ended;
  std::vector<std::unique_ptr<AnswerRoom::Place>> places;
  for (const auto& [name, sent] : {std::pair('a', 3U), std::pair('b', 1U), std::pair('c', 2U)}) {
    places.push_back(room.take(30, seconds(0), [&ended, letter = name] { ended += letter; }));
    places.back()->sent(sent);
  }
  const auto next = room.take(60, seconds(10), [] {});
  CHECK(next);
  CHECK(ended == "bc");
}

}  // namespace volta
