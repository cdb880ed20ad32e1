// Another engine that speaks Prometheus' protocols (Prometheus, VictoriaMetrics, Mimir, Thanos), as
// volta asks it and writes to it when `[store] engine = "prometheus"`. Knows where it is and how to
// talk to it; what is asked stands in engine_query, engine_source and engine_journal.
#pragma once

#include <atomic>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/value.hpp>

#include "model/http.hpp"
#include "model/query_engine.hpp"
#include "model/sample_sink.hpp"
#include "prom/http_credentials.hpp"

namespace volta {

struct EngineTarget {
  std::string write_url;  // a remote write receiver of version 1.0
  std::string query_url;  // what stands before /api/v1/query
  HttpCredentials credentials;
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds query_timeout{120'000};  // of what no query's own limit bounds
  std::size_t most_answer_bytes = 64U << 20U;        // of one answer's body
};

// URLs must be http or https without user, password and query. An Error names the field.
Result<void> check_engine_target(const EngineTarget& target);

// `data` of a successful answer, and its warnings.
struct EngineAnswer {
  boost::json::value data;
  std::vector<std::string> warnings;
};

// What became of samples that were written at once.
struct EngineWrite {
  enum class State : std::uint8_t {
    taken,  // 2xx for all but those that the engine refused for good
    later   // no answer, 429, 5xx, or what a person has to mend: the same once more, later
  };
  State state = State::taken;
  std::size_t refused = 0;  // samples
  std::string why;          // of `later`, or of the first refusal
  std::chrono::milliseconds retry_after{0};
};

// Thread-safe.
class EngineClient {
 public:
  using Form = std::vector<std::pair<std::string, std::string>>;
  using Answer = std::variant<EngineAnswer, QueryFailure>;

  // How often a refused write is halved, two requests each. Beyond that what is left is given up.
  static constexpr std::size_t kMostHalvings = 128;

  // The target must pass check_engine_target(). Both must live longer.
  EngineClient(EngineTarget target, HttpClient& http) : target_(std::move(target)), http_(http) {}

  // A form posted to query_url + path (GET where `post` is false: not every path takes both).
  // Never throws but for memory. `cancel` may be null: then stop() is what cancels.
  [[nodiscard]] Answer ask(std::string_view path, const Form& form, bool post,
                           std::chrono::milliseconds timeout,
                           const std::atomic<bool>* cancel) const;
  // The same for who has no way to pass a failure on: throws it as QueryFailed.
  [[nodiscard]] EngineAnswer demand(std::string_view path, const Form& form, bool post,
                                    std::chrono::milliseconds timeout,
                                    const std::atomic<bool>* cancel) const;

  // One request. If the engine refuses it for good, its halves are tried (refused_part.hpp).
  // `cancel` as above.
  EngineWrite write(std::span<const LabeledSamples> series, const std::atomic<bool>* cancel) const;

  // Whatever is asked and written without a `cancel` of its own ends unanswered, from now on.
  void stop() { stopping_ = true; }

  [[nodiscard]] const EngineTarget& target() const { return target_; }

 private:
  struct Attempt {
    int status = 0;  // 0: no answer
    std::string said;
    std::chrono::milliseconds retry_after{0};
    bool too_old = false;  // refuses_old_samples()
  };
  Attempt post(std::span<const LabeledSamples> series, const std::atomic<bool>* cancel) const;

  const EngineTarget target_;
  HttpClient& http_;
  std::atomic<bool> stopping_{false};
};

}  // namespace volta
