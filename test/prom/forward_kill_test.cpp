// A remote write sender on the real store, over real HTTP, killed again and again: what the
// receiver's ledger holds at the end is what the store holds, each sample in one request.
#include <array>
#include <bit>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>

#include <catch2/catch.hpp>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outbound/curl_client.hpp"
#include "outbound/small_server.hpp"
#include "prom/remote_sender.hpp"
#include "prom/snappy_block.hpp"
#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

constexpr std::size_t kKillShards = 2;
constexpr int kKills = 5;
constexpr std::int64_t kTimesOfEpoch = 1'000'000;

StoreOptions forwarding_options(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  options.raw_age = std::chrono::milliseconds(0);
  options.seal_in_background = false;
  options.forward_readers = std::vector<std::string>{"t"};
  return options;
}

WriteTarget kill_target(const std::string& url, bool two) {
  WriteTarget target;
  target.name = "t";
  target.url = url;
  target.version_2 = two;
  target.shards = kKillShards;
  target.limits.most_samples = 50;
  target.limits.deadline = std::chrono::milliseconds(20);
  return target;
}

double half() { return 0.5; }

std::string environment_text(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  REQUIRE(value != nullptr);
  return value;
}

// Commits samples of a host and foreign ones, each (series, time) once, until killed; seals what
// lies about.
TEST_CASE("sender until it is killed", "[.child]") {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string directory = environment_text("VOLTA_SEND_DIR");
  const std::int64_t first = std::stoll(environment_text("VOLTA_SEND_FIRST"));
  Store store(forwarding_options(directory), system_clock());
  CurlClient client("volta/test");
  RemoteSender sender(
      kill_target(environment_text("VOLTA_SEND_URL"), environment_text("VOLTA_SEND_TWO") == "1"),
      store.forward_log(), client, system_clock(), half);
  sender.start();
  const auto known = store.hosts().find("a");
  const HostId host = known ? known->id : store.hosts().add("a", test::token(1)).value().id;
  test::Agent agent(store.journal(), host, test::run_id(static_cast<std::uint64_t>(first)));
  SeriesDef def = test::gauge("scaled");
  def.scale = 3;
  const std::array<Slot, 2> slots{agent.define(test::counter("whole")), agent.define(def)};
  for (std::int64_t i = 0;; ++i) {
    const std::int64_t time = first + i;
    if (i % 2 == 0) {
      agent.tick(time, std::vector<Reading>{{slots[0], static_cast<std::uint64_t>(i)},
                                            {slots[1], static_cast<std::uint64_t>(7 * i)}});
      if (i % 60 == 0) agent.force_keyframe();
      if (test::commit(store.journal(), agent.finish()) != CommitState::committed) _exit(3);
    } else {
      std::vector<LabeledSamples> request;
      for (int series = 0; series < 5; ++series) {
        const auto labels = std::make_shared<const Labels>(
            Labels{{"__name__", "foreign"}, {"i", std::to_string(series)}});
        request.push_back({labels, {time}, {static_cast<double>(i) / (series + 1)}});
      }
      if (store.sink().write(request).state != WriteState::committed) _exit(3);
    }
    if (i % 100 == 99) store.seal_all();
    ::poll(nullptr, 0, 1);
  }
}

using LedgerKey = std::pair<Labels, std::int64_t>;

// The receiver's: what it took, in which bodies.
class WriteLedger {
 public:
  explicit WriteLedger(std::uint64_t seed) : chance_(seed) {}

  // Answers one request: refuses, fails, takes it and loses the answer, or takes it.
  std::string answer(const std::string& request) {
    const std::lock_guard lock(mutex_);
    ++requests;
    changed_.notify_all();
    if (outage_ > 0) {
      --outage_;
      return "";
    }
    const bool troubled = troubles_;
    if (troubled && chance_() % 10 == 0) return "";
    if (troubled && chance_() % 10 == 0) return answer_text("503 Service Unavailable", "");
    const std::size_t taken = take(request);
    if (troubled && chance_() % 8 == 0) {
      ++lost_answers;
      return "";
    }
    return answer_text(
        "200 OK", "X-Prometheus-Remote-Write-Samples-Written: " + std::to_string(taken) + "\r\n");
  }
  void begin_outage(std::size_t count) {
    const std::lock_guard lock(mutex_);
    outage_ = count;
  }
  void end_troubles() {
    const std::lock_guard lock(mutex_);
    troubles_ = false;
  }
  [[nodiscard]] std::size_t seen() {
    const std::lock_guard lock(mutex_);
    return requests;
  }
  template <typename Enough>
  bool wait(Enough enough) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(2), enough);
  }

  // Under the lock of wait() as long as a server answers by it.
  std::size_t requests = 0;
  std::size_t lost_answers = 0;
  std::map<std::string, std::size_t> bodies;  // how often each was taken
  struct Entry {
    std::uint64_t bits;
    std::size_t bodies;  // different ones that have it
  };
  std::map<LedgerKey, Entry> samples;
  std::string problem;

 private:
  static std::string answer_text(const std::string& status, const std::string& headers) {
    return "HTTP/1.1 " + status + "\r\n" + headers +
           "Content-Length: 0\r\nConnection: close\r\n\r\n";
  }
  std::size_t take(const std::string& request) {
    const std::size_t head = request.find("\r\n\r\n");
    const std::string body = request.substr(head + 4);
    const auto version = request.substr(0, head).find("v2.Request") != std::string::npos
                             ? WriteVersion::v2
                             : WriteVersion::v1;
    const auto message = snappy_uncompress(body, 64U << 20U);
    const auto decoded = message ? decode_write_request(version, message.value(), {})
                                 : Result<WriteRequest>(message.error());
    if (!decoded) {
      problem = decoded.error().text;
      return 0;
    }
    if (bodies[body]++ > 0) return decoded->samples;
    for (const LabeledSamples& series : decoded->series) {
      for (std::size_t i = 0; i < series.times_ms.size(); ++i) {
        const auto bits = std::bit_cast<std::uint64_t>(series.values[i]);
        const auto [entry, is_new] =
            samples.try_emplace({*series.labels, series.times_ms[i]}, Entry{bits, 0});
        ++entry->second.bodies;
        if (entry->second.bits != bits) problem = "one sample has two values";
      }
    }
    return decoded->samples;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::mt19937_64 chance_;
  std::size_t outage_ = 0;
  bool troubles_ = true;
};

pid_t start_sender(const std::string& directory, const std::string& url, std::int64_t first,
                   bool two) {
  std::string program = "/proc/self/exe";
  std::string which = "sender until it is killed";
  std::array<char*, 3> arguments{program.data(), which.data(), nullptr};
  std::array<std::string, 4> texts{"VOLTA_SEND_DIR=" + directory, "VOLTA_SEND_URL=" + url,
                                   "VOLTA_SEND_FIRST=" + std::to_string(first),
                                   std::string("VOLTA_SEND_TWO=") + (two ? "1" : "0")};
  std::array<char*, 5> environment{texts[0].data(), texts[1].data(), texts[2].data(),
                                   texts[3].data(), nullptr};
  pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments.data(),
                        environment.data()) == 0);
  return pid;
}

std::map<LedgerKey, std::uint64_t> all_samples(const SeriesSource& source) {
  std::map<LedgerKey, std::uint64_t> all;
  const TimeSpan ever{INT64_MIN, INT64_MAX};
  const auto series = source.select({}, ever, 1'000).value();
  source.read(series, ever, [&](std::size_t at, const SampleSlice& samples) {
    for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
      all[{*series[at].labels, samples.times_ms[i]}] =
          std::bit_cast<std::uint64_t>(samples.values[i]);
    }
    return true;
  });
  return all;
}

double losses_of(const RemoteSender& sender) {
  std::vector<MetricFamily> families;
  sender.append_to(families);
  for (const MetricFamily& family : families) {
    if (family.name == "volta_forward_losses_total") return family.samples.at(0).value;
  }
  return -1;
}

void check_kills(bool two) {
  const auto seed = test::random_seed();
  INFO("seed " << seed << (two ? ", 2.0" : ", 1.0"));
  std::mt19937_64 chance(seed);
  WriteLedger ledger(seed);
  const test::TempDir dir;
  const std::string directory = (dir.path() / "data").string();
  auto server = std::make_unique<test::SmallServer>(
      [&](const std::string& request) { return ledger.answer(request); });
  const std::int64_t first = system_clock().wall_ms();
  for (int epoch = 0; epoch < kKills; ++epoch) {
    ledger.begin_outage(1 + chance() % 4);
    const std::size_t enough = ledger.seen() + 8 + chance() % 40;
    const pid_t child = start_sender(directory, server->url(), first + epoch * kTimesOfEpoch, two);
    const bool came = ledger.wait([&] { return ledger.requests >= enough; });
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(came);
    REQUIRE(WIFSIGNALED(status));
  }
  ledger.end_troubles();
  Store store(forwarding_options(directory), system_clock());
  const auto expected = all_samples(store.source());
  CHECK(expected.size() > 100);
  CurlClient client("volta/test");
  RemoteSender sender(kill_target(server->url(), two), store.forward_log(), client, system_clock(),
                      half);
  sender.start();
  CHECK(ledger.wait([&] { return ledger.samples.size() >= expected.size(); }));
  sender.stop();
  server.reset();
  CHECK(losses_of(sender) == 0);
  CHECK(ledger.problem.empty());
  std::map<LedgerKey, std::uint64_t> received;
  std::size_t twice = 0;
  for (const auto& [key, entry] : ledger.samples) {
    received[key] = entry.bits;
    if (entry.bodies != 1) ++twice;
  }
  CHECK(received == expected);
  CHECK(twice == 0);
  std::size_t repeats = 0;
  for (const auto& [body, times] : ledger.bodies) repeats += times - 1;
  CHECK(repeats <= ledger.lost_answers + kKills * kKillShards);
}

TEST_CASE("kill -9 of a sender loses nothing and repeats one request of each shard, 1.0") {
  check_kills(false);
}

TEST_CASE("kill -9 of a sender loses nothing and repeats one request of each shard, 2.0") {
  check_kills(true);
}

}  // namespace
}  // namespace volta
