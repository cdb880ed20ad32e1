// An agent's link of which the test is the other end.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "model/link.hpp"

namespace volta::test {

class FakeLink final : public AgentLink {
 public:
  // Taken by the next open(), one each; a plain welcome with durable_seq 0 when there is none.
  std::deque<std::variant<Welcome, Refusal>> answers;
  std::deque<LinkEvent> events;

  std::vector<Hello> hellos;
  std::vector<EncodedBatch> pushed;                       // over this link
  std::size_t named = 0;                                  // series on this link
  std::vector<std::pair<RunId, std::uint64_t>> backlogs;  // asked for, and their last sequence
  std::vector<EncodedBatch> drained;                      // into the last of them, over this link
  int backlog_closes = 0;
  int closes = 0;
  std::vector<std::chrono::milliseconds> waits;

  std::variant<Welcome, Refusal> open(const Hello& hello) override {
    hellos.push_back(hello);
    pushed.clear();
    drained.clear();
    named = 0;
    if (answers.empty()) return Welcome{"uid", 0, 0};
    auto answer = answers.front();
    answers.pop_front();
    return answer;
  }
  void close() override { ++closes; }
  void define(std::span<const SeriesDef> series) override { named += series.size(); }
  void push(const EncodedBatch& batch) override { pushed.push_back(batch); }
  void open_backlog(const RunId& run, std::uint64_t last_seq) override {
    backlogs.emplace_back(run, last_seq);
    drained.clear();
  }
  void push_backlog(const EncodedBatch& batch) override { drained.push_back(batch); }
  void close_backlog() override { ++backlog_closes; }
  std::optional<LinkEvent> wait(std::chrono::milliseconds patience) override {
    waits.push_back(patience);
    if (events.empty()) return std::nullopt;
    LinkEvent event = events.front();
    events.pop_front();
    return event;
  }
  void wake() override {}
  [[nodiscard]] std::uint64_t bytes_sent() const override { return 0; }
  [[nodiscard]] std::uint64_t bytes_received() const override { return 0; }
};

}  // namespace volta::test
