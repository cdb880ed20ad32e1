// Agents' load over the real wire: the sender, the link and the encoder that agents have.
#include <atomic>
#include <cstdio>
#include <deque>
#include <fstream>
#include <thread>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "load.hpp"
#include "rpc/client.hpp"
#include "uplink/sender.hpp"

namespace volta::bench {
namespace {

constexpr std::size_t kMostWaiting = Sender::kMostOpen;
constexpr double kPatience = 120;  // seconds without any acknowledgement

std::vector<HostToken> read_tokens(const std::string& path) {
  std::ifstream file(path);
  std::vector<HostToken> tokens;
  for (std::string line; std::getline(file, line);) {
    const auto raw = unhex(line);
    HostToken token{};
    if (!raw || raw->size() != token.size()) give_up(path + " has a line that is no token");
    std::copy(raw->begin(), raw->end(), token.begin());
    tokens.push_back(token);
  }
  return tokens;
}

struct RpcLoad {
  Samples samples;
  std::uint16_t port;
  std::int64_t batch_ticks;
  double batches_per_second;  // of one host; 0: as fast as it goes
  double begin;               // steady_seconds, when the first batch of a paced host may be due
};

// One agent with one run; lives on one thread.
class LoadAgent {
 public:
  LoadAgent(const RpcLoad& load, std::uint32_t number, const HostToken& token)
      : load_(load),
        host_(load.samples.profile, number, load.samples.series),
        link_({"127.0.0.1", load.port, false, std::chrono::seconds(30)}),
        sender_(link_, outbox_, wishes_, system_clock(),
                {[token] { return token; }, host_.name(), "bench", {}}) {
    outbox_.learn(host_.layout());
    // Hosts do not flush in step.
    phase_ = static_cast<double>(number % 97) / 97;
  }

  void run(Sorted& delays) {
    last_answer_ = steady_seconds();
    while (ticks_ < load_.samples.ticks || outbox_.size() > 0) {
      while (sender_.connected() && due()) add();
      const auto pause = sender_.step(std::chrono::milliseconds(patience_ms()));
      note_answers(delays);
      if (pause.count() > 0) std::this_thread::sleep_for(pause);
      if (steady_seconds() - last_answer_ > kPatience)
        give_up("the server acknowledges nothing of host " + host_.name());
    }
    if (sender_.refused_batches() > 0) give_up("the server refused batches of " + host_.name());
    sender_.close();
  }

 private:
  [[nodiscard]] double next_at() const {
    return load_.batches_per_second <= 0
               ? 0
               : load_.begin + (static_cast<double>(added_) + phase_) / load_.batches_per_second;
  }
  // A paced host counts a batch from when it was due, also when the server held it up.
  [[nodiscard]] bool due() const {
    return ticks_ < load_.samples.ticks && outbox_.size() < kMostWaiting &&
           next_at() <= steady_seconds();
  }
  [[nodiscard]] std::int64_t patience_ms() const {
    if (!sender_.connected()) return 100;
    if (ticks_ >= load_.samples.ticks || outbox_.size() >= kMostWaiting) return 100;
    return std::clamp<std::int64_t>(
        static_cast<std::int64_t>((next_at() - steady_seconds()) * 1000) + 1, 0, 100);
  }

  void add() {
    if (wishes_.keyframe.exchange(false)) encoder_.force_keyframe();
    for (std::int64_t i = 0; i < load_.batch_ticks && ticks_ < load_.samples.ticks; ++i) {
      encoder_.add(load_.samples.start_ms + ticks_++ * load_.samples.step_ms, host_.tick());
    }
    const double now = steady_seconds();
    added_at_.push_back(load_.batches_per_second <= 0 ? now : next_at());
    ++added_;
    outbox_.add(encoder_.finish(static_cast<std::uint32_t>(host_.layout().size())),
                system_clock().monotonic());
  }

  void note_answers(Sorted& delays) {
    const double now = steady_seconds();
    while (added_at_.size() > outbox_.size()) {
      delays.add((now - added_at_.front()) * 1000);
      added_at_.pop_front();
      last_answer_ = now;
    }
  }

  const RpcLoad& load_;
  SyntheticHost host_;
  Outbox outbox_;
  BatchWishes wishes_;
  RpcAgentLink link_;
  Sender sender_;
  BatchEncoder encoder_;
  std::int64_t ticks_ = 0;
  std::uint64_t added_ = 0;
  std::deque<double> added_at_;
  double last_answer_ = 0;
  double phase_ = 0;
};

}  // namespace

int load_by_rpc(const Options& options) {
  RpcLoad load{samples_of(options), options.port(), options.number("batch", 10), 0, 0};
  const std::vector<HostToken> tokens = read_tokens(options.text("tokens", ""));
  if (tokens.size() < load.samples.hosts) give_up("there are fewer tokens than hosts");
  const auto rate = static_cast<double>(options.number("rate", 0));
  if (rate > 0)
    load.batches_per_second = rate / (static_cast<double>(load.samples.hosts) *
                                      load.samples.series * static_cast<double>(load.batch_ticks));
  // A paced host needs a thread of its own.
  const auto threads = std::min<std::size_t>(
      load.samples.hosts,
      rate > 0 ? load.samples.hosts : static_cast<std::size_t>(options.number("threads", 16)));
  const double begin = steady_seconds();
  load.begin = begin + (rate > 0 ? 1 : 0);
  std::atomic<std::uint32_t> next{0};
  std::vector<Sorted> delays(threads);
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      for (std::uint32_t host = next++; host < load.samples.hosts; host = next++)
        LoadAgent(load, load.samples.first + host, tokens[host]).run(delays[i]);
    });
  }
  for (std::thread& thread : running) thread.join();
  const double seconds = steady_seconds() - load.begin;
  Sorted all;
  for (const Sorted& some : delays) all.add(some);
  const double samples = static_cast<double>(load.samples.hosts) * load.samples.series *
                         static_cast<double>(load.samples.ticks);
  std::printf(
      "{\"samples\":%.0f,\"seconds\":%.3f,\"batches\":%zu,\"ack_ms\":{\"p50\":%.3f,\"p99\":%.3f,"
      "\"max\":%.3f}}\n",
      samples, seconds, all.count(), all.at(0.5), all.at(0.99), all.at(1));
  return 0;
}

}  // namespace volta::bench
